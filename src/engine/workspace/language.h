/* language.h: tags that name a language. Pure. */
#ifndef PARLEY_ENGINE_WORKSPACE_LANGUAGE_H
#define PARLEY_ENGINE_WORKSPACE_LANGUAGE_H

#include "base/str.h"

#define LANGUAGE_TAG_MAX 35 /* bytes: the longest tag that RFC 5646, section 4.4.1, asks software to support */
/* Whether a text is a well-formed tag of BCP 47 (RFC 5646, section 2.1) that names a language of ISO 639: "de",
 * "pt-BR", "zh-Hant-TW". Case does not matter, and the registry of real languages is not consulted. Tags that are
 * private altogether ("x-...") and the irregular old ones ("i-klingon") are not taken. */
bool language_tag_ok(struct str s);

#endif
