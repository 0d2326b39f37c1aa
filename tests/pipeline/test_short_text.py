from tfx_distill.pipeline.short_text import shortened


def test_long_names_keep_both_ends():
    assert shortened("abcdefghijklm", 9) == "abc...klm"
    assert shortened("abcdefghi", 9) == "abcdefghi"


def test_control_characters_do_not_reach_the_terminal():
    assert shortened("a\x1b[2Jb\n", 20) == "a?[2Jb?"
