/* date.c: days as people write them, in six languages at once: the words of a date rarely mean different days in two
 * languages, so the language of the conversation is not needed to read them. A text is cut into numbers and known
 * words; any other word means that the text is not a date. Days are UTC days. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "flow/expect_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

/* Folded names, in any of the languages; a new language adds its words. */
static const char *const months[12] = {" january jan enero ene januar janner janvier janeiro gennaio gen ",
                                       " february feb febrero februar fevrier fevereiro fev febbraio ",
                                       " march mar marzo marz mars marco ",
                                       " april apr abril abr avril avr aprile ",
                                       " may mayo mai maio maggio mag ",
                                       " june jun junio juni juin junho giugno giu ",
                                       " july jul julio juli juillet julho luglio lug ",
                                       " august aug agosto ago aout ",
                                       " september sep sept septiembre setiembre septembre setembro settembre set ",
                                       " october oct octubre oktober okt octobre outubro out ottobre ott ",
                                       " november nov noviembre novembre novembro ",
                                       " december dec diciembre dic dezember dez decembre dezembro dicembre "};
/* Sunday first, as days since 1970-01-04 count. */
static const char *const weekdays[7] = {" sunday sun domingo sonntag dimanche domenica ",
                                        " monday mon lunes montag lundi segunda lunedi ",
                                        " tuesday tue tues martes dienstag mardi terca martedi ",
                                        " wednesday wed miercoles mie mittwoch mercredi quarta mercoledi ",
                                        " thursday thu thurs jueves jue donnerstag jeudi quinta giovedi ",
                                        " friday fri viernes vie freitag vendredi sexta venerdi ",
                                        " saturday sat sabado samstag samedi sabato "};
static const char fillers[] =
    " the of on next this th st nd rd de del el la le les den am der dem do da em il di proximo proxima este feira ";
static const char today_words[] = " today hoy heute hoje oggi ";
static const char tomorrow_words[] = " tomorrow manana morgen demain amanha domani ";

/* A search in a string of words with spaces around each: the lists stay readable, and a part of a word never
 * matches. */
static bool date_is_word_of(const char *list, struct str word)
{
    char padded[32];
    if (word.n == 0 || word.n > sizeof(padded) - 3)
        return false;
    snprintf(padded, sizeof(padded), " %.*s ", STR_F(word));
    return strstr(list, padded);
}

static int date_index_of(const char *const *lists, int n, struct str word)
{
    for (int i = 0; i < n; i++)
        if (date_is_word_of(lists[i], word))
            return i;
    return -1;
}

struct date_parts {
    int number[3];
    size_t digits[3];
    char sep[3]; /* the character before the second and third number */
    size_t numbers;
    int month, weekday; /* -1 */
    int days;           /* from today; -1 */
    bool other;         /* a word that belongs to no date */
};

/* A second month or weekday counts as an unknown word, so "March April 3" is refused and not guessed at. */
static void date_take_word(struct date_parts *d, struct str word)
{
    int month = date_index_of(months, 12, word), day = date_index_of(weekdays, 7, word);
    if (month >= 0 && d->month < 0)
        d->month = month;
    else if (day >= 0 && d->weekday < 0)
        d->weekday = day;
    else if (date_is_word_of(today_words, word))
        d->days = 0;
    else if (date_is_word_of(tomorrow_words, word))
        d->days = 1;
    else if (!date_is_word_of(fillers, word))
        d->other = true;
}

static bool date_take_number(struct date_parts *d, struct str digits, char sep)
{
    uint64_t v;
    if (d->numbers == 3 || digits.n > 4 || !num_u64(digits, 9999, &v))
        return false;
    d->number[d->numbers] = (int)v;
    d->digits[d->numbers] = digits.n;
    d->sep[d->numbers++] = sep;
    return true;
}

static bool date_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

/* Cuts the text into numbers and words, and keeps the sign between numbers, because 3/4 and 3.4. are read differently.
 * A space after another sign does not count, so "31. 12." is 31.12. Two different signs become a space, which no date
 * of numbers alone has. */
static bool date_split(struct str s, struct date_parts *d)
{
    *d = (struct date_parts){.month = -1, .weekday = -1, .days = -1};
    char sep = ' ';
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && text_is_digit(s.p[i]))
            i++;
        if (i > from) {
            if (!date_take_number(d, str_sub(s, from, i - from), sep))
                return false;
            sep = 0;
            continue;
        }
        while (i < s.n && date_is_letter(s.p[i]))
            i++;
        if (i > from) {
            date_take_word(d, str_sub(s, from, i - from));
            sep = ' ';
            continue;
        }
        sep = sep == 0 ? s.p[i] : sep == s.p[i] || s.p[i] == ' ' ? sep : ' ';
        i++;
    }
    return true;
}

static bool date_write_day(int64_t ms, char out[11])
{
    struct clock_date d = clock_split(ms);
    if (ms < 0 || d.year > 9999)
        return false;
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)d.year % 10000, (unsigned)d.month % 100, (unsigned)d.day % 100);
    return true;
}

/* The day is checked against the calendar here, in one place for every way to write a date: 31 April and 29 February of
 * an ordinary year end here. */
static bool date_write(int year, int month, int day, char out[11])
{
    char text[32], checked[11];
    snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
    if (strlen(text) != 10 || !value_date(str_from(text), 0, checked))
        return false;
    memcpy(out, checked, 11);
    return true;
}

/* Without a year: the next such day from today on, because dates are asked for in order to book something. 29 February
 * may be eight years away, over a century that is not a leap year. */
static bool date_next(int month, int day, int64_t now_ms, char out[11])
{
    char today[11];
    int year = clock_split(now_ms).year;
    if (!value_date(STR("today"), now_ms, today))
        return false;
    for (int i = 0; i < 9; i++) /* February 29 may be eight years away */
        if (date_write(year + i, month, day, out) && strcmp(out, today) >= 0)
            return true;
    return false;
}

/* Two digits: people write birthdays as well as appointments, so 70 to 99 are of the last century. */
static int date_full_year(int year, size_t digits)
{
    return digits <= 2 ? (year < 70 ? 2000 : 1900) + year : year;
}

/* In the United States, Puerto Rico and the Philippines the month comes first. Plain "en" is read like en-US. */
static bool date_month_first(struct str locale)
{
    return str_ieq(locale, STR("en")) || str_ieq(locale, STR("en-US")) || str_ieq(locale, STR("en-PH")) ||
           str_ieq(locale, STR("es-US")) || str_ieq(locale, STR("es-PR"));
}

/* "31 March", "March 31", "31 March 2026", "2026 March 31": with a name for the month the other numbers can be told
 * apart by their length. */
static bool date_named_month(const struct date_parts *d, int64_t now_ms, char out[11])
{
    if (d->numbers == 1)
        return d->digits[0] <= 2 && date_next(d->month + 1, d->number[0], now_ms, out);
    if (d->numbers != 2)
        return false;
    size_t year = d->digits[0] == 4 ? 0 : 1, day = 1 - year;
    return d->digits[day] <= 2 &&
           date_write(date_full_year(d->number[year], d->digits[year]), d->month + 1, d->number[day], out);
}

/* 31/12, 12/31/26, 31.12.2026, 2026-12-31: one separator throughout, and lengths that a day, month and year may
 * have. */
static bool date_numbers_fit(const struct date_parts *d)
{
    if (d->numbers < 2 || !memchr("/.-", d->sep[1], 3) || (d->numbers == 3 && d->sep[2] != d->sep[1]))
        return false;
    if (d->digits[0] == 4)
        return d->numbers == 3;
    return d->digits[0] <= 2 && d->digits[1] <= 2 && (d->numbers == 2 || d->digits[2] % 2 == 0);
}

/* Is the first of two numbers the month? Points are a European habit. A first number over 12 can only be the day, a
 * second over 12 too; only where both may be either, the locale decides. */
static bool date_leads_with_month(const struct date_parts *d, struct str locale)
{
    if (d->number[0] > 12 || d->number[1] > 12)
        return d->number[1] > 12;
    return d->sep[1] != '.' && date_month_first(locale);
}

static bool date_numbers_only(const struct date_parts *d, struct str locale, int64_t now_ms, char out[11])
{
    if (!date_numbers_fit(d))
        return false;
    if (d->digits[0] == 4)
        return date_write(d->number[0], d->number[1], d->number[2], out);
    bool first = date_leads_with_month(d, locale);
    int month = d->number[first ? 0 : 1], day = d->number[first ? 1 : 0];
    if (d->numbers == 2)
        return date_next(month, day, now_ms, out);
    return date_write(date_full_year(d->number[2], d->digits[2]), month, day, out);
}

/* A weekday alone is the next one, never today: "Friday" said on a Friday means in a week. A weekday beside a date is
 * not checked against it, because people get it wrong and mean the date. The phrases come first, because they hold
 * words that are unknown on their own. */
bool date_read(struct arena *a, struct str text, struct str locale, int64_t now_ms, char out[11], bool *ok)
{
    struct date_parts d;
    struct str s = text_fold(a, text, ok);
    int64_t today = now_ms - now_ms % DAY_MS;
    if (!*ok || s.n == 0 || s.n > 100)
        return false;
    if (str_eqz(s, "day after tomorrow") || str_eqz(s, "pasado manana") || str_eqz(s, "ubermorgen"))
        return date_write_day(today + 2 * DAY_MS, out);
    if (!date_split(s, &d) || d.other)
        return false;
    if (d.month >= 0)
        return date_named_month(&d, now_ms, out);
    if (d.numbers)
        return date_numbers_only(&d, locale, now_ms, out);
    if (d.days >= 0)
        return date_write_day(today + d.days * DAY_MS, out);
    if (d.weekday < 0)
        return false;
    int now_day = (int)((today / DAY_MS + 4) % 7), ahead = (d.weekday - now_day + 7) % 7;
    return date_write_day(today + (ahead ? ahead : 7) * DAY_MS, out);
}
