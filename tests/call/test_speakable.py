"""Whatever an agent writes is turned into words to say: golden cases, and laws that hold for any text."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.speakable import Speech, make_speakable


def parse(fragment: str) -> ET.Element:
    return ET.fromstring(f"<root>{fragment}</root>")  # noqa: S314 - our own output


def alphanumerics(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


UNTOUCHED = [
    "Hello, how can I help you today?",
    "It costs $5.00, or 4,50 € with 10% off.",
    "Call +1 (500) 555-0006 or 030/123456.",
    "We meet at 10:30, on 2025-05-03.",
    "a*b is a times b, 2 * 3 is 6, 2**3 is 8, 2 ** 3 too.",
    "I write C#, F# and C++.",
    "snake_case and kebab-case stay.",
    "Write to john_doe@example.com or j_@example.com.",
    "Press 1, * or # now.",
    "Press *.",
    'Press "*" or (*) then "*".',
    'Press "*" in a 5* hotel',
    'Dial *67, then "*"',
    "** means to the power of",
    "To the power of is **",
    "Dial *67 or *#21# first.",
    "A 5* hotel and a 4* hotel",
    "~5 minutes, 5 < 6 and 7 > 6",
    "a < b and b > c",
    "I <3 you",
    "Tom & Jerry, T&Cs, R&D;",
    "Bonjour ! Ça va ?",
    "¿Qué tal? ¡Hola!",
    "你好，世界。",
    "#1 in town, C:\\temp",
    "1. Milk",
    "-5 degrees",
    "[sic] and array[i] (x)",
    "either/or, and/or, 24/7",
    'He said "it\'s fine" – really…',
    "F♯ and B♭",
    "A|B",
    "rock`n'roll",
    "x = y == z",
    "Say mailto: and http and www.",
]


@pytest.mark.parametrize(
    ("text", "spoken"), [("**5 items", "5 items"), ("5 items**", "5 items"), ("One *** two", "One two")]
)
def test_a_lone_double_or_triple_star_is_the_half_of_something(text: str, spoken: str) -> None:
    assert make_speakable(text) == Speech(spoken, None)


@pytest.mark.parametrize("text", UNTOUCHED)
def test_words_numbers_and_signs_survive_as_they_are(text: str) -> None:
    assert make_speakable(text) == Speech(text, None)


MARKDOWN = [
    ("# Opening hours\nWe open at 9.", "Opening hours. We open at 9."),
    ("## Hours ##\n\nMonday", "Hours. Monday"),
    ("# Hours\nfrom 9", "Hours. from 9"),
    ("Title\n=====\nText", "Title. Text"),
    ("One\n\n---\n\nTwo", "One. Two"),
    ("**Bold** and *italic* and ***both***", "Bold and italic and both"),
    ("__Bold__ and _italic_ and ~~gone~~", "Bold and italic and gone"),
    ("**42** and **$5.00** and *3:00 PM*", "42 and $5.00 and 3:00 PM"),
    ("**bold *inside* bold**", "bold inside bold"),
    ("**Bold**ed and (*really*).", "Bolded and (really)."),
    ("这是**重要**的", "这是重要的"),
    ("**Hello.", "Hello."),
    ("World.**", "World."),
    ("*Hello.", "Hello."),
    ("World.*", "World."),
    ("_Hello world._ Yes", "Hello world. Yes"),
    ("card ending ****1234", "card ending 1234"),
    ("*Note that a*b is ab", "Note that a*b is ab"),
    ("**5 items, 2 ** 3 is 8", "5 items, 2 ** 3 is 8"),
    ("one *** two", "one two"),
    ("- Milk\n- Eggs\n- Bread", "Milk. Eggs. Bread"),
    ("We have:\n* milk,\n* eggs!\n+ bread", "We have: milk, eggs! bread"),
    ("• one\n  ◦ two", "one. two"),
    ("- [ ] open\n- [x] done", "open. done"),
    ("1. Milk\n2) Eggs", "1. Milk. 2) Eggs"),
    ("1. milk\nthen eggs", "1. milk. then eggs"),
    ("> quoted\n> more\n>> deep", "quoted more deep"),
    ("We open\nat nine\nCall us", "We open at nine. Call us"),
    ("He said (yes.)\nThen", "He said (yes.) Then"),
    ("| Day | Hours |\n|:---|---:|\n| Mon | 9-5 |\n| Tue | closed. |", "Day, Hours. Mon, 9-5. Tue, closed."),
    ("Day | Hours\n--- | ---\nMon! | 9", "Day, Hours. Mon! 9"),
    ("| Mon | 9-5\nnoon", "Mon, 9-5. noon"),
    ("Mon | 9-5 |\nnoon", "Mon, 9-5. noon"),
    ("| X | - | X |", "X, -, X"),
    ("| | |", ""),
    ("Run `ls -l` or ``x``", "Run ls -l or x"),
    ("Use `*args` and `my_*`", "Use *args and my_*"),
    ("```python\nprint(a_b)\n```", "print(a_b)"),
    ("~~~\ncode\n~~~", "code"),
    (r"\*not bold\* and 5\$ \# \[x\]", "*not bold* and 5$ # [x]"),
    ("[our site](https://example.com/a_(b)?c=d)", "our site"),
    ('[our site](https://example.com "Title") now', "our site now"),
    ("[](https://example.com/x)", "example.com"),
    ("[https://example.com/x](https://example.com/x)", "example.com"),
    ("![a cat](https://example.com/cat.png)", "a cat"),
    ("[![logo](/l.png)](https://example.com)", "logo"),
    ("More](https://example.com/x) here", "More here"),
    ("Fact[^1] and more.[^note]", "Fact and more."),
    ("See https://www.example.com/path?x=1#y.", "See example.com."),
    ("See www.example.com, please", "See example.com, please"),
    ("(see https://en.example.org/wiki/A_(b))", "(see en.example.org)"),
    ("**https://example.com/**", "example.com"),
    ("https://user:pw@example.com:8080/", "example.com"),
    ("<https://example.com/x>", "example.com"),
    ("Write to mailto:a.b@example.com!", "Write to a.b@example.com!"),
    ("<a.b@example.com>", "a.b@example.com"),
    (")\nHello there", "). Hello there"),
    (")\nhello there", ") hello there"),
]


@pytest.mark.parametrize(("markdown", "words"), MARKDOWN)
def test_markdown_is_read_out_not_spelled_out(markdown: str, words: str) -> None:
    assert make_speakable(markdown) == Speech(words, None)


CHARACTERS = [
    ("Great 🎉!", "Great!"),
    ("Done🎉Next", "Done Next"),
    ("👋 Hello👍🏽 there 👨‍👩‍👧‍👦", "Hello there"),
    ("From 🇩🇪 to 🏴󠁧󠁢󠁥󠁮󠁧󠁿.", "From to."),
    ("Press 1️⃣ or #️⃣", "Press 1 or #"),
    ("✅ Done ➡️ next ❤️", "Done next"),
    ("ℹ️ Info ★★★", "Info"),
    ("a\x00b\x1b\x7fc", "abc"),
    ("zero\u200bwidth\ufeff\u2060 and soft\u00adhyphen", "zerowidth and softhyphen"),
    ("lone \ud83d surrogate\udc00", "lone surrogate"),
    ("no \ufffe\uffff char\U0001ffff \ufffd", "no char"),
    ("private \ue000\U000f0000 use", "private use"),
    ("\u202eturned\u202c", "turned"),
    ("  many   blanks\t\u00a0here \r\n ", "many blanks here"),
    ("one\ttab", "one tab"),
    ("one\u2028Two\x0bThree\rfour", "one. Two. Three four"),
    ("Tom &amp; Jerry &#38; Co &quot;x&quot; &#x1F600;", 'Tom & Jerry & Co "x"'),
    ("a&nbsp;b &unknown; &#0; c", "a b &unknown; c"),
]


@pytest.mark.parametrize(("text", "words"), CHARACTERS)
def test_what_has_no_sound_is_left_out(text: str, words: str) -> None:
    assert make_speakable(text) == Speech(words, None)


TAGS = [
    ("Hello</Say><Dial>+1900</Dial>", "Hello +1900"),
    ("<div>One</div><div>Two</div>", "One. Two"),
    ("<div>one</div>two", "one. two"),
    ("&lt;div&gt;one&lt;/div&gt;two", "one. two"),
    ("Hi &lt;your name&gt;", "Hi your name"),
    ("One<br>Two<br/>three", "One. Two three"),
    ("<ul><li>milk</li><li>eggs</li></ul>", "milk. eggs"),
    ("<b>bo</b>ld H<sub>2</sub>O", "bold H2O"),
    ('<a href="https://example.com">here</a>', "here"),
    ("Hi <!-- secret --> there <?xml version='1.0'?>", "Hi there"),
    ("a comment's end --> there", "a comment's end there"),
    ("Hi <your name>", "Hi your name"),
    ("if a <b and c> d", "if a b and c d"),
    ("&lt;Dial&gt;x&lt;/Dial&gt;", "x"),
    ("x<y", "x< y"),
    ("Hello <Dial", "Hello Dial"),
    ("Hello</Say", "Hello Say"),
    ("Hello</", "Hello"),
    ("<<b>Dial>x", "x"),
    ("<<<b>b>Dial>x", "Dial>x"),
    ("<<emphasis>Dial>x</emphasis>", "Dial>x"),
    ("<speak>Hello</speak>", "Hello"),
]


@pytest.mark.parametrize(("text", "words"), TAGS)
def test_no_tag_is_read_out_or_survives(text: str, words: str) -> None:
    speech = make_speakable(text)
    assert speech.text == words
    assert not re.search(r"<(?!/?emphasis)[A-Za-z/!?]", speech.ssml or "")


SSML = [
    ("Hi <break/> you", "Hi you", "Hi <break/> you"),
    ("<speak>Hi <break time='1.5s' strength=\"strong\"/></speak>", "Hi", None),
    ("Hi<break time='500ms'>you", "Hi you", 'Hi<break time="500ms"/>you'),
    ("Hi<break time='3600s'/>you", "Hi you", "Hi<break/>you"),
    ("un<emphasis>believ</emphasis>able", "unbelievable", "un<emphasis>believ</emphasis>able"),
    ('<EMPHASIS LEVEL="strong">Hi</EMPHASIS>', "Hi", '<emphasis level="strong">Hi</emphasis>'),
    ('<emphasis level="evil" onload="x">Hi</emphasis>', "Hi", "<emphasis>Hi</emphasis>"),
    ("<emphasis level=strong>Hi</emphasis>", "Hi", '<emphasis level="strong">Hi</emphasis>'),
    ('<lang xml:lang="fr-FR">Bonjour</lang>', "Bonjour", '<lang xml:lang="fr-FR">Bonjour</lang>'),
    ("<lang>Bonjour</lang>", "Bonjour", None),
    ("<p>One</p>\n<p>Two</p>", "One. Two", "<p>One. </p><p>Two</p>"),
    ("<s>One.</s><s>two</s>", "One. two", "<s>One. </s><s>two</s>"),
    (
        '<phoneme alphabet="ipa" ph="pɪˈkɑːn &quot;">pecan</phoneme>',
        "pecan",
        '<phoneme alphabet="ipa" ph=\'pɪˈkɑːn "\'>pecan</phoneme>',
    ),
    ('<phoneme alphabet="ipa">pecan</phoneme>', "pecan", None),
    (
        '<prosody rate="slow" pitch="+10%" volume="-6dB">x</prosody>',
        "x",
        '<prosody volume="-6dB" rate="slow" pitch="+10%">x</prosody>',
    ),
    ("<prosody>x</prosody>", "x", None),
    (
        '<say-as interpret-as="telephone" format="1">555</say-as>',
        "555",
        '<say-as interpret-as="telephone" format="1">555</say-as>',
    ),
    ("<sub alias='A &amp; B'>AB</sub>", "AB", '<sub alias="A &amp; B">AB</sub>'),
    ('<w role="amazon:VB">read</w>', "read", '<w role="amazon:VB">read</w>'),
    ("<prosody rate='slow'>Half.", "Half.", '<prosody rate="slow">Half.</prosody>'),
    ("Half.</prosody> <break/>More", "Half. More", "Half. <break/>More"),
    ("Half.<break/>\nMore", "Half. More", "Half.<break/> More"),
    ("half\n<break/> <break/>\na line", "half a line", "half <break/> <break/>a line"),
    (
        "<emphasis>a<prosody rate='slow'>b</emphasis>c</prosody>",
        "abc",
        '<emphasis>a<prosody rate="slow">b</prosody></emphasis>c',
    ),
    ("<s><p>in<break/>side</p></s>", "in side", "<s>in<break/>side</s>"),
    ("<emphasis/>Hi", "Hi", "<emphasis/>Hi"),
    ("Tom & <break/> <Dial>x</Dial> 1 < 2", "Tom & x 1 < 2", "Tom &amp; <break/> x 1 &lt; 2"),
    ("**<emphasis>Hi</emphasis>** [a](http://x.yz)<break/>b", "Hi a b", "<emphasis>Hi</emphasis> a<break/>b"),
    ("- <emphasis>a</emphasis>\n- b", "a. b", "<emphasis>a</emphasis>. b"),
]


@pytest.mark.parametrize(("text", "words", "ssml"), SSML)
def test_ssml_that_carriers_speak_is_kept_and_no_other(text: str, words: str, ssml: str | None) -> None:
    speech = make_speakable(text)
    assert speech.text == words
    if ssml is not None:
        assert speech.ssml == ssml
        parse(speech.ssml)


def test_ssml_without_an_element_left_is_none() -> None:
    assert make_speakable("<speak>Hi</speak>").ssml is None
    assert make_speakable("<lang>Bonjour</lang>").ssml is None


@pytest.mark.parametrize(
    "text", ["", " \n", "...", "---", "***", "🎉🎉", "<break time='2s'/>", "| |", "```", "\u200b", "*"]
)
def test_what_has_nothing_to_say_is_empty(text: str) -> None:
    assert make_speakable(text) == Speech("", None)


def test_deep_nesting_is_flattened() -> None:
    ssml = make_speakable("<emphasis>" * 500 + "Hi").ssml
    assert ssml is not None
    assert ssml.count("<emphasis>") == 16


def test_more_tags_than_there_are_stand_ins_lose_no_word() -> None:
    speech = make_speakable("x<break/>" * 0x10010)
    assert speech.text.count("x") == 0x10010
    assert speech.ssml is not None
    assert speech.ssml.count("<break/>") == 0xFFFE


HOSTILE = [
    ("<", ""),
    ("<a ", "a"),
    ("<a a=", "aa"),
    ('<b a="', "ba"),
    ("<p>", ""),
    ("<s>hi</s>", "hi"),
    ("<prosody rate='slow'>", ""),
    ("</s>", ""),
    ("[", ""),
    ("[a](", "a"),
    ('[a](b "', "ab"),
    ("![", ""),
    ("`", ""),
    ("`a", "a"),
    ("*", ""),
    ("*a ", "a"),
    ("_a", "a"),
    ("~~a", "a"),
    ("# ", ""),
    ("> ", ""),
    ("- a\n", "a"),
    ("| a", "a"),
    ("-", ""),
    ("\n", ""),
    (" ", ""),
    ("\\", ""),
    ("😀 ", ""),
    ("http:// a ", "a"),
    ("a@", "a"),
    ("&a", "a"),
    ("<!--", ""),
    ("a", "a"),
]


@pytest.mark.parametrize(("unit", "spoken"), HOSTILE)
def test_a_long_text_made_to_backtrack_is_read_to_its_end(unit: str, spoken: str) -> None:
    # Nothing is timed: 100 kB of a unit that some pattern went over again and again would take minutes.
    times = 100_000 // len(unit)
    assert alphanumerics(make_speakable(unit * times).text) == spoken * times


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


MARKUP = st.sampled_from(
    ("<", ">", "</", "/>", "<Dial>", "</Say>", "<break/>", "<s>", "</s>", "<p>", "</p>", "<emphasis>", "</emphasis>")
) | st.sampled_from(
    (
        "*",
        "**",
        "_",
        "`",
        "```",
        "~~",
        "[",
        "](",
        ")",
        "\n",
        "- ",
        "# ",
        "|",
        "> ",
        "http://",
        "\\",
        '"',
        "😀",
        "\ud800",
    )
)
MIXED = st.lists(MARKUP | st.text(st.characters(exclude_characters="&"), max_size=6), max_size=30).map("".join)
PLAIN = st.text(st.characters(categories=("L", "N", "Zs"), include_characters=".,!?;:'\"()%$€+"), max_size=60).filter(
    lambda text: "www." not in text.lower()
)


@settings(max_examples=300, deadline=None)
@given(MIXED)
def test_nothing_is_made_up_and_nothing_but_speech_comes_out(text: str) -> None:
    speech = make_speakable(text)
    assert is_subsequence(alphanumerics(speech.text), text)
    assert not re.search(r"<[A-Za-z/!?]", speech.text)
    assert speech.text == " ".join(speech.text.split())
    if speech.ssml is not None:
        root = parse(speech.ssml)
        assert {element.tag for element in root.iter()} <= {"root", "break", "s", "p", "emphasis"}
        assert alphanumerics("".join(root.itertext())) == alphanumerics(speech.text)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_text_loses_no_character(text: str) -> None:
    words = " ".join(text.split())
    spoken = make_speakable(text).text
    assert spoken == (words if any(character.isalnum() for character in words) else "")


WORDS = st.lists(st.text("abcXYZ019äé", min_size=1, max_size=8), min_size=1, max_size=6)
WRAPPERS = st.sampled_from(
    (
        "{}",
        "**{}**",
        "*{}*",
        "_{}_",
        "__{}__",
        "~~{}~~",
        "`{}`",
        "# {}",
        "- {}",
        "1. {}",
        "> {}",
        "[{}](https://a.bc/d)",
    )
) | st.sampled_from(("| {} |", "<b>{}</b>", "<emphasis>{}</emphasis>", "<Dial>{}</Dial>", "```\n{}\n```", "{} 🎉"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WRAPPERS, WORDS), min_size=1, max_size=6))
def test_markup_around_words_loses_none_of_them(lines: list[tuple[str, list[str]]]) -> None:
    text = "\n\n".join(wrapper.format(" ".join(words)) for wrapper, words in lines)
    wanted = [word for wrapper, words in lines for word in [*(["1"] if wrapper == "1. {}" else []), *words]]
    assert re.findall(r"\w+", make_speakable(text).text) == wanted


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_what_can_be_spoken_is_spoken_the_same_again(text: str) -> None:
    once = make_speakable(text).text
    assert make_speakable(once).text == once


@given(st.text("aZé09 ,.!?;:'’\"()%-w", max_size=30))
def test_the_short_way_for_plain_sentences_says_what_the_long_way_says(text: str) -> None:
    assert make_speakable(text) == make_speakable(text + "\x00")  # a control character takes the long way
