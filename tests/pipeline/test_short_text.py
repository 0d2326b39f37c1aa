from tfx_distill.pipeline.short_text import columns, shortened, wrapped


def test_long_names_keep_both_ends():
    assert shortened("abcdefghijklm", 9) == "abc...klm"
    assert shortened("abcdefghi", 9) == "abcdefghi"


def test_control_characters_do_not_reach_the_terminal():
    assert shortened("a\x1b[2Jb\n", 20) == "a?[2Jb?"


def test_letters_that_are_wide_take_two_columns_and_accents_none():
    assert columns("蟻と蜂") == 6
    assert columns("Ka\u0308fer") == 5
    assert shortened("蟻と蜂の写真", 9) == "蟻...真"


def test_names_break_into_lines_of_equal_columns():
    assert wrapped("great white shark", 11) == ["great white", "shark"]
    assert wrapped("abcdefgh", 5) == ["abcde", "fgh"]
    assert wrapped("蟻と蜂の写真", 6) == ["蟻と蜂", "の写真"]
    assert wrapped("", 5) == [""]
