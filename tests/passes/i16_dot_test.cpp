// i16_dot on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(I16Dot, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("i16_dot", i16_dot); }

}  // namespace
}  // namespace hearth
