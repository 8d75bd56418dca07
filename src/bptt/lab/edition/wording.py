"""The page's words where it has no server: what they say of a control that is not there is said of what is."""

SAID = {
    "The first\nbutton shows both of them shrinking it, the others a $W_R$ that lets it grow.":
    "The network that is\nchosen first shows both of them shrinking it; in the next two of the list $W_R$ lets it grow.",
    "Choose a length\nand one change. *Train both* trains the plain *rnn* (*tanh*, gain 0.8) and the changed one, 600 weight updates each, which takes some\nseconds.":
    "Two networks were\ntrained when this file was written, with 600 weight updates each: the plain *rnn* (*tanh*, gain 0.8), and an *lstm* whose gates are open for\nthe length, 40 steps.",
    "watch whether it reaches": "see whether it reached",
    "before the loss begins to fall. At length 10 both learn; in so few updates, at 40 only a network with a way past $W_R$ does.":
    "before the loss began to fall. At length 10 both learn; in so few updates, at 40 only a network with a way past $W_R$ does.",
    "Look at the gradient by lag of your own model, on your own data: that is the next section, or\n   `bptt diagnose` on the command line.":
    "Look at the gradient by lag of your own model, on your own data: `bptt diagnose` on the command line\n   shows it, and so does the page that `bptt lab` opens.",
    "*Will it learn?* below says which.": "`bptt prognosis` says which.",
}  # fmt: skip


def without_server(text: str) -> str:
    """A text of the page as it is right in the file."""
    for page, file in SAID.items():
        text = text.replace(page, file)
    return text
