"""`python -m tools.editions` prints every problem that the checks of this folder find."""

import sys

from tools.editions import checks, quizzes, terms

CHECKS = (
    checks.missing_files,
    checks.stray_files,
    checks.parity_problems,
    quizzes.quiz_problems,
    quizzes.length_problems,
    quizzes.place_problems,
    terms.term_problems,
    checks.plan_problems,
    checks.gloss_problems,
    checks.setup_cell_problems,
    checks.colab_link_problems,
    checks.checked_cell_problems,
    checks.machine_path_problems,
)


def main() -> int:
    found = [problem for check in CHECKS for problem in check(checks.ROOT)]
    print("\n".join(found) or "no problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
