// fuse_elementwise on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(FuseElementwise, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("fuse_elementwise", fuse_elementwise); }

}  // namespace
}  // namespace hearth
