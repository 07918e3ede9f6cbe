/* mask_scan.h: where personal data is in a text. Private to src/engine. Pure functions; any thread. */
#ifndef PARLEY_ENGINE_MASK_SCAN_H
#define PARLEY_ENGINE_MASK_SCAN_H

#include "base/str.h"

enum mask_kind { MASK_EMAIL, MASK_PHONE, MASK_CARD, MASK_IBAN, MASK_IP, MASK_PRIVATE, MASK_KINDS };

/* The first of them at or after `from`: *at and *end are its place. MASK_KINDS: there is none. Takes time linear in the
 * text. */
enum mask_kind mask_scan(struct str text, size_t from, size_t *at, size_t *end);

#endif
