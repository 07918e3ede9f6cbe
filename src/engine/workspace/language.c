/* language.c: the grammar of RFC 5646. The parts of a tag stand in a fixed order and differ by length and by what they
 * consist of, so each part either belongs to the present stage, or to a later one, or makes the tag wrong. */
#include "engine/workspace/language.h"

#include <string.h>

#include "base/banned.h"

enum tag_stage { TAG_LANGUAGE, TAG_SCRIPT, TAG_REGION, TAG_VARIANT, TAG_EXTENSION, TAG_PRIVATE };
struct tag_state {
    enum tag_stage stage; /* of the part before */
    int extended;         /* parts that refine the language: "zh-yue" */
    bool open;            /* a single letter has no part yet */
    char used[36];        /* letters and digits of the extensions so far */
    size_t used_n;
};

static bool tag_letters(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] | 0x20) < 'a' || (s.p[i] | 0x20) > 'z')
            return false;
    return s.n > 0;
}

static bool tag_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static bool tag_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!tag_letters(str_n(s.p + i, 1)) && !tag_digits(str_n(s.p + i, 1)))
            return false;
    return s.n > 0 && s.n <= 8;
}

static bool tag_move(struct tag_state *t, enum tag_stage to)
{
    t->stage = to;
    return true;
}

/* A single letter opens an extension, which may occur once; x opens the private rest. */
static bool tag_open(struct tag_state *t, char letter)
{
    letter = letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
    if (memchr(t->used, letter, t->used_n))
        return false;
    t->used[t->used_n++] = letter;
    t->open = true;
    return tag_move(t, letter == 'x' ? TAG_PRIVATE : TAG_EXTENSION);
}

/* A part before the extensions. */
static bool tag_plain(struct tag_state *t, struct str part)
{
    bool letters = tag_letters(part);
    if (t->stage == TAG_LANGUAGE && part.n == 3 && letters)
        return t->extended++ < 3;
    if (t->stage < TAG_SCRIPT && part.n == 4 && letters)
        return tag_move(t, TAG_SCRIPT);
    if (t->stage < TAG_REGION && part.n == (letters ? 2 : 3) && (letters || tag_digits(part)))
        return tag_move(t, TAG_REGION);
    return (part.n >= 5 || (part.n == 4 && tag_digits(str_n(part.p, 1)))) && tag_move(t, TAG_VARIANT);
}

static bool tag_part(struct tag_state *t, struct str part)
{
    if (!tag_word(part))
        return false;
    if (part.n == 1 && t->stage != TAG_PRIVATE)
        return !t->open && tag_open(t, part.p[0]);
    if (t->stage < TAG_EXTENSION)
        return tag_plain(t, part);
    t->open = false;
    return true;
}

bool language_tag_ok(struct str s)
{
    struct tag_state t = {.stage = TAG_LANGUAGE};
    struct str rest = s, part;
    if (s.n == 0 || s.n > LANGUAGE_TAG_MAX || s.p[s.n - 1] == '-' || !str_split(&rest, '-', &part))
        return false;
    if (part.n < 2 || part.n > 3 || !tag_letters(part))
        return false;
    while (str_split(&rest, '-', &part))
        if (!tag_part(&t, part))
            return false;
    return !t.open;
}
