"""What the tests of dates and of translations share: both pages are driven by lookback.js."""


def write(box, typed):
    """Type, press Enter, wait until all is written; the steps that the page took."""
    box.locator("input").fill(typed)
    box.locator("input").press("Enter")
    box.locator(".looks-verdict:not(:empty)").wait_for()
    return box.evaluate(
        "box => box.trace.steps.map(({ token, p, weights }) =>"
        " ({ token, p: [...p], weights: [...weights] }))"
    )


def refused(box, typed):
    """Type, press Enter; the note instead of an answer."""
    box.locator("input").fill(typed)
    box.locator("input").press("Enter")
    box.page.wait_for_function(
        "() => /[.。]$/.test(document.querySelector('.looks-note').textContent)"
    )
    assert not box.locator(".looks-desk").is_visible()
    return note_of(box)


def note_of(box):
    return box.locator(".looks-note").inner_text()
