#include "base/arena.h"

#include <stdlib.h>

#include "base/banned.h"

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}
