/* openai_images.c: the images among the parts of a message. An image comes as an address, which the engine's server
 * fetches itself, or as its bytes in a data: address. Nothing is fetched here. What is not one of the types that all
 * engines with eyes know, or too much, is refused with the place of the part, before the turn begins. */
#include <stdio.h>

#include "api/openai.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "net/fetch.h"

#include "base/banned.h"

#define IMAGES_MAX 8
#define IMAGE_URL_MAX 2000
#define IMAGE_BYTES_MAX (1 * MB) /* a request has no more */

static enum status image_wrong(size_t i, struct err *e, const char *why)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/messages/content/%zu/image_url", i);
    return err_at(e, E_field_type, pointer, "%s", why);
}

/* "data:image/png;base64,...": the type is one of a few, and the rest is the bytes. */
static const char *image_read_data(struct str url, struct arena *a, struct engine_image *out)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    struct str rest = str_sub(url, strlen("data:"), url.n), head, marker = STR(";base64");
    struct buf bytes;
    bool ok = str_split(&rest, ',', &head) && str_ends(head, marker);
    size_t type = ok ? str_among(str_sub(head, 0, head.n - marker.n), types, COUNT_OF(types)) : COUNT_OF(types);
    if (type == COUNT_OF(types))
        return "An image in the request must be base64 of the type image/png, image/jpeg, image/gif or image/webp.";
    buf_init(&bytes, IMAGE_BYTES_MAX);
    if (crypto_base64_decode(rest, &bytes) && bytes.n) {
        out->mime = str_from(types[type]);
        out->bytes = arena_str(a, buf_str(&bytes), &ok);
        ok = ok && out->bytes.n;
    } else {
        ok = false;
    }
    buf_release(&bytes);
    return ok ? NULL : "The bytes of the image cannot be read as base64.";
}

static const char *image_read(const struct json *part, struct arena *a, struct engine_image *out)
{
    struct err ignored = ERR_INIT;
    struct str url = json_get_str(json_get(part, "image_url"), "url");
    *out = (struct engine_image){STR_EMPTY, STR_EMPTY, STR_EMPTY};
    if (str_starts(url, STR("data:")))
        return image_read_data(url, a, out);
    if (!str_starts(url, STR("https://")) || url.n > IMAGE_URL_MAX || fetch_check_url(url, &ignored) != OK)
        return "\"url\" must be an address that begins with https:// and has at most 2000 characters, or the image "
               "itself as data:image/...;base64,...";
    out->url = url;
    return NULL;
}

enum status openai_read_images(const struct json *content, struct arena *a, struct openai_images *out, struct err *e)
{
    size_t n = json_is(content, JSON_ARRAY) ? json_len(content) : 0;
    struct engine_image *all = arena_array(a, IMAGES_MAX, sizeof(*all));
    *out = (struct openai_images){all, 0};
    if (!all)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        const struct json *part = json_at(content, i);
        if (!str_eqz(json_get_str(part, "type"), "image_url"))
            continue;
        if (out->n == IMAGES_MAX)
            return image_wrong(i, e, "A message can have at most 8 images.");
        const char *fault = image_read(part, a, &all[out->n]);
        if (fault)
            return image_wrong(i, e, fault);
        out->n++;
    }
    return OK;
}
