/* language.c: the best supported language of an Accept-Language header (RFC 9110, 12.5.4; lookup of RFC 4647, 3.4), and
 * the weights that all Accept headers share. Of equal weights the first in the header wins. */
#include "base/num.h"
#include "web/web_internal.h"

#include "base/banned.h"

/* The range "fr-CH" matches the supported language "fr", and "fr" matches "fr". */
static bool range_covers(struct str range, struct str supported)
{
    if (range.n < supported.n || !str_ieq(str_n(range.p, supported.n), supported))
        return false;
    return range.n == supported.n || range.p[supported.n] == '-';
}

double header_weight(struct str piece)
{
    struct str q;
    double v;
    if (!header_param(piece, STR("q"), &q))
        return 1;
    return num_double(q, &v) && v >= 0 && v <= 1 ? v : 0;
}

/* Ranges are compared in the order of the header; only a greater weight replaces what was found. */
struct str request_language(struct request *rq, const struct str *supported, size_t n)
{
    struct str rest = rq->accept_language, piece, best = n ? supported[0] : STR_EMPTY;
    double best_weight = 0;
    while (str_split(&rest, ',', &piece)) {
        ptrdiff_t semi = str_find(piece, ';');
        struct str range = str_trim(semi < 0 ? piece : str_n(piece.p, (size_t)semi));
        double weight = header_weight(piece);
        if (weight <= best_weight)
            continue;
        for (size_t i = 0; i < n; i++) {
            if (range_covers(range, supported[i])) {
                best = supported[i];
                best_weight = weight;
                break;
            }
        }
    }
    return best;
}
