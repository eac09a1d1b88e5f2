"""The confined process that runs a learner's notebook; README.md says what each mode promises."""
