// pair_columns on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(PairColumns, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("pair_columns", pair_columns); }

}  // namespace
}  // namespace hearth
