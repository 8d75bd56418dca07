"""The live page, opened once for all tests of it."""

import re

import pytest


@pytest.fixture(scope="package")
def lab(browser):
    pytest.importorskip("marimo")
    from tests.lab.driver import opened

    with opened(browser, viewport={"width": 1280, "height": 900}) as page:
        yield page
        # what stands below is true of everything that the tests did
        assert {
            re.match(r"\w+://[^/]+", url)[0] for url in page.asked if url.startswith("http")
        } == {page.address}
        assert not page.complaints
