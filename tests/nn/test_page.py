"""docs/accelerate.md says what was measured."""

import json

from benchmarks import agents


def test_the_sentence_is_that_of_the_results():
    result = json.loads(agents.RESULTS.read_text())
    assert agents.PAGE.read_text() == agents.page(result)
