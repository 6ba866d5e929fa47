// merge_launches on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(MergeLaunches, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("merge_launches", merge_launches, Meaning::kept); }

}  // namespace
}  // namespace hearth
