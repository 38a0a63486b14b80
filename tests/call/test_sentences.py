"""Text that arrives in slices leaves in sentences: golden cuts, and laws that hold for any text and any slicing."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.sentences import LONGEST_SENTENCE, SentenceAssembler


def assemble(*slices: str) -> list[str]:
    assembler = SentenceAssembler()
    sentences = [sentence for text in slices for sentence in assembler.receive(text)]
    return sentences + assembler.flush()


WHOLE = [
    "Dr. Smith will see you.",
    "Mr. and Mrs. Jones called.",
    "Fragen Sie Hr. Meier nach Fr. Huber.",
    "Das geht z.B. Montag.",
    "Das geht z. B. Montag.",
    "Montag bzw. Dienstag.",
    "We can, e.g. Monday, meet.",
    "The U.S. Embassy is closed.",
    "Telefónica S.A. Madrid.",
    "J. Smith called.",
    "It costs 3.14 euros.",
    "Wir öffnen um 10.30 Uhr.",
    "Der Termin ist am 3. Mai.",
    "Heinrich der 8. König.",
    "See page No. 5 please.",
    "Am 5 Jan. 2025 geht es.",
    "The rate is approx. five percent.",
    "Write to info@example.com today.",
    "Visit https://example.com/a.b?c=d today.",
    "Version 2.0.1 is out.",
    "Well... let me see.",
    "Well… let me see.",
    "Yahoo!Mail is one word.",
    "Der Kurs läuft vom 3. bis 7. Mai.",
    "Fish &amp; chips &lt; five.",
    "Wait <break time='1.5s' strength='strong'/> here.",
    "See [Dr. Who? Yes! Him.](https://example.com/a.b) now.",
    "Milk, eggs, etc. are here.",
    "1. Milk",
    "Ein Satz ohne Ende",
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_doubtful_border_is_none(text: str) -> None:
    assert assemble(text) == [text]


CUTS = [
    ("Hello. How are you?", ["Hello.", "How are you?"]),
    ("Stop! Now! Please.", ["Stop!", "Now!", "Please."]),
    ("What?! Really.", ["What?!", "Really."]),
    ("It is late; we are closed.", ["It is late;", "we are closed."]),
    ("We open in 2025. Come by.", ["We open in 2025.", "Come by."]),
    ("It costs $5.00. Is that fine?", ["It costs $5.00.", "Is that fine?"]),
    ("I said no. Then yes.", ["I said no.", "Then yes."]),
    ("One line\nanother line", ["One line", "another line"]),
    ("One line.\r\n\r\nanother line.", ["One line.", "another line."]),
    ("At Dr.\nSmith", ["At Dr.", "Smith"]),
    ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
    ("Er sagte „Halt!“ Dann ging er.", ["Er sagte „Halt!“", "Dann ging er."]),
    ("(Yes.) And then?", ["(Yes.)", "And then?"]),
    ("**Hello.** World.", ["**Hello.**", "World."]),
    ("Wait... Then go.", ["Wait...", "Then go."]),
    ("Wait… Then go.", ["Wait…", "Then go."]),
    ("你好。再见！好吗？", ["你好。", "再见！", "好吗？"]),
    ("「你好。」再见", ["「你好。」", "再见"]),
    ("Hola.¿Qué tal?", ["Hola.", "¿Qué tal?"]),
    ("¡Hola! ¿Qué tal? Bien.", ["¡Hola!", "¿Qué tal?", "Bien."]),
    ("مرحبا؟ نعم۔ شكرا", ["مرحبا؟", "نعم۔", "شكرا"]),
    ("- milk\n- eggs. Fresh\n", ["- milk", "- eggs.", "Fresh"]),
    ("1. Milk\n2. Eggs\n", ["1. Milk", "2. Eggs"]),
    ("Mail a@example.com. Or call.", ["Mail a@example.com.", "Or call."]),
    ("<s>One</s><s>Two</s>", ["<s>One</s>", "<s>Two</s>"]),
    ("Hello. <break time='1s'/> World.", ["Hello.", "<break time='1s'/> World."]),
    ("a <b. Then more. And", ["a <b.", "Then more.", "And"]),
    ("5 < 600. True.", ["5 < 600.", "True."]),
    ("[laughs. A lot] Yes.", ["[laughs.", "A lot] Yes."]),
    ("A &b c; d", ["A &b c;", "d"]),
    ("One. " + " " * 20 + "two.", ["One.", "two."]),
    ("!" * 20 + " Yes", ["!" * 20, "Yes"]),
    ("   \n  ", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "sentences"), CUTS)
def test_text_is_cut_at_its_sentences(text: str, sentences: list[str]) -> None:
    assert assemble(text) == sentences


def test_a_sentence_is_given_out_as_soon_as_its_border_is_sure() -> None:
    assembler = SentenceAssembler()
    assert assembler.receive("How are you?") == []
    assert assembler.receive(" ") == ["How are you?"]
    assert assembler.receive("Fine.") == []
    assert assembler.receive(" T") == ["Fine."]
    assert assembler.receive("hanks\n") == ["Thanks"]


def test_a_number_split_behind_its_point_is_not_cut() -> None:
    assert assemble("It is 3.", "14 today.") == ["It is 3.14 today."]


def test_a_tag_split_over_deltas_is_not_cut() -> None:
    assert assemble("Hello <break ti", 'me="1', '.5s" x="a. B"/> there.') == [
        'Hello <break time="1.5s" x="a. B"/> there.'
    ]


def test_a_link_split_over_deltas_is_not_cut() -> None:
    assert assemble("See [What? ", "More]", "(https://exa", "mple.com) now. Bye") == [
        "See [What? More](https://example.com) now.",
        "Bye",
    ]


def test_pending_tells_whether_words_are_held_back() -> None:
    assembler = SentenceAssembler()
    assert not assembler.pending
    assembler.receive("  \n ")
    assert not assembler.pending
    assembler.receive("One moment.")
    assert assembler.pending
    assert assembler.flush() == ["One moment."]
    assert not assembler.pending
    assert assembler.flush() == []


def test_after_a_flush_the_next_message_starts_afresh() -> None:
    assembler = SentenceAssembler()
    assembler.receive("Let me check")
    assert assembler.flush() == ["Let me check"]
    assert assembler.receive("Here it is. Good.") == ["Here it is."]


def test_long_text_is_cut_after_a_clause() -> None:
    clause = "word " * 30 + "end, "
    first, *rest = assemble(clause * 4)
    assert first.endswith("end,")
    assert LONGEST_SENTENCE // 3 < len(first) <= LONGEST_SENTENCE
    assert "".join([first, *rest]).replace(" ", "") == (clause * 4).replace(" ", "")


def test_long_text_without_clauses_is_cut_between_words() -> None:
    sentences = assemble("word " * 200)
    assert {word for sentence in sentences for word in sentence.split()} == {"word"}
    assert all(len(sentence) <= LONGEST_SENTENCE for sentence in sentences)


def test_long_text_that_ends_in_blanks_keeps_its_words_together() -> None:
    assert assemble("word " * 58 + " " * 400) == ["word " * 57 + "word"]


def test_long_text_without_spaces_is_cut_after_its_comma() -> None:
    first, *_ = assemble("字" * 200 + "，" + "字" * 200)
    assert first == "字" * 200 + "，"


def test_long_text_without_any_border_is_cut_all_the_same() -> None:
    assert [len(sentence) for sentence in assemble("x" * 700)] == [300, 300, 100]


def test_long_text_is_never_cut_inside_a_tag_or_link() -> None:
    tag = '<sub alias="' + "a b, " * 20 + '">'
    link = "[label](https://example.com/" + "y" * 400 + ")"
    sentences = assemble("字" * 250 + tag + "字" * 20, link, link)
    assert sentences[0] == "字" * 250
    assert any(tag in sentence for sentence in sentences)
    assert sum(sentence.count(link) for sentence in sentences) == 2


FRAGMENTS = st.sampled_from(
    ("Dr.", "z.B.", "3.", "14", ". ", "? ", "!", "\n", "; ", " ", "…", "。", "」", "Hello", "you", "etc. and", "¿", '"')
) | st.sampled_from(
    ("<break/>", "<", "</s>", "<b ", ">", "[a](b.c)", "[", "](", ")", "**", "&amp;", "x" * 120, "字，" * 70)
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=8), max_size=40).map("".join)


def words_of(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_everything_that_comes_in_goes_out_once_and_in_order(text: str) -> None:
    sentences = assemble(text)
    assert words_of("".join(sentences)) == words_of(text)
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.data())
def test_any_slicing_gives_the_same_sentences(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    slices = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert assemble(*slices) == assemble(text) == assemble(*text)


@pytest.mark.parametrize(
    "unit", ["word. ", ".", "<", "<a ", "[", "[a](", "x", " ", '."', "\n", "&a; ", "<a" + "b" * 998]
)
def test_what_is_held_back_stays_small_whatever_is_sent(unit: str) -> None:
    assembler = SentenceAssembler()
    given_out = sum(len(words_of(sentence)) for _ in range(1000) for sentence in assembler.receive(unit))
    held_back = sum(len(words_of(sentence)) for sentence in assembler.flush())
    assert given_out + held_back == 1000 * len(words_of(unit))
    assert held_back <= 4 * LONGEST_SENTENCE
