/* build.c: version and build id of the running program.
 *
 * The build id is read from the ELF notes of the running executable, so it is the one by which debuginfo files are
 * found, even if the file on the disk has been replaced meanwhile. */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "base/build.h"

#include <config.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

#include "base/banned.h"

static char id_hex[2 * 32 + 1] = "unknown";

static void put_hex(const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        id_hex[2 * i] = digits[p[i] >> 4];
        id_hex[2 * i + 1] = digits[p[i] & 15];
    }
    id_hex[2 * n] = '\0';
}

/* Find the NT_GNU_BUILD_ID note in a note segment. Name and content of each note are padded to four bytes. */
static int scan_notes(const char *at, size_t left)
{
    while (left >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof(note));
        size_t name = (note.n_namesz + 3u) & ~(size_t)3, desc = (note.n_descsz + 3u) & ~(size_t)3;
        size_t whole = sizeof(note) + name + desc;
        if (whole > left)
            return 0;
        const char *text = at + sizeof(note);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(text, "GNU", 4) == 0 &&
            note.n_descsz <= 32) {
            put_hex((const unsigned char *)text + name, note.n_descsz);
            return 1;
        }
        at += whole;
        left -= whole;
    }
    return 0;
}

/* The first object is the executable itself, so returning 1 ends the walk after it. */
static int scan_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_NOTE && scan_notes((const char *)(uintptr_t)(info->dlpi_addr + h->p_vaddr), h->p_memsz))
            break;
    }
    return 1;
}

static void find_id(void)
{
    dl_iterate_phdr(scan_object, NULL);
}

const char *build_version(void)
{
    return PACKAGE_VERSION;
}

const char *build_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_id);
    return id_hex;
}
