// tile_rows on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(TileRows, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("tile_rows", tile_rows, Meaning::kept); }

}  // namespace
}  // namespace hearth
