// pack_panels on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(PackPanels, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("pack_panels", pack_panels); }

}  // namespace
}  // namespace hearth
