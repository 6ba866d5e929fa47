// Seen: what a source became in the cache, remembered by the stamps of its files, so that a warm start need not read it.
//
// A note is one small file in the cache's folder: the stamps (path, size, times, inode of every file, and all that the order asks
// for) and the entry's name. Any change of a file changes its stamps; a note that does not match is none.
#pragma once

#include <string>

#include "bake/bake.h"

namespace hearth {

// The stamps of an order; "": it has none (a file is missing, or was changed just now and may change unseen).
std::string stamps_of(const Order& order);

// The cache entry's name (cache_key) noted for these stamps in `cache`; "": none.
std::string find_seen(const std::string& cache, const std::string& stamps);
// Notes it; what cannot be written is not noted.
void note_seen(const std::string& cache, const std::string& stamps, const std::string& key);

}  // namespace hearth
