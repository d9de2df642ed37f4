"""The structure of a passage."""

from service.quoting.blocks import split_blocks, split_units

PASSAGE = """Start the pump. Wait for pressure.

1. Open the valve:
   ```console
   $ valve open
   ```
2. Read the gauge.

- red
  light
- green

code: E1 | meaning: the door is open

code: E2 | meaning: no oil

```console
$ make run

$ make stop
```
{* ../docs_src/tutorial001.py *}
"""


def test_paragraphs_lists_tables_and_code_are_blocks():
    blocks = split_blocks(PASSAGE)
    assert [block.kind for block in blocks] == ["paragraph", "item", "item", "item", "item", "row", "row", "code"]
    assert blocks[1].text == "1. Open the valve:\n   ```console\n   $ valve open\n   ```"
    assert blocks[3].text == "- red\n  light"
    assert blocks[7].text == "```console\n$ make run\n\n$ make stop\n```"
    assert all(block.text in PASSAGE for block in blocks)


def test_items_of_one_list_and_rows_of_one_table_belong_together():
    groups = [block.group for block in split_blocks(PASSAGE)]
    assert groups[1] == groups[2]
    assert groups[5] == groups[6]
    assert len(set(groups)) == 5 or len(set(groups)) == 4


def test_a_question_marks_the_sentence_that_follows_it():
    units = split_units(split_blocks("Can I return it?\n\nYes, within 30 days. Keep the receipt."))
    assert [(unit.text, unit.question, unit.is_reply) for unit in units] == [
        ("Yes, within 30 days.", "Can I return it?", True),
        ("Keep the receipt.", "Can I return it?", False),
    ]
