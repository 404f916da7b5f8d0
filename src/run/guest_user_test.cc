#include "run/guest_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::run {
namespace {

using testing::Contains;

TEST(GuestEnvironment, RootFindsItsProgramsWhoeverCalled) {
  const config::Environment caller = {{"PATH", "/opt/x:/usr/bin:/bin"}};
  const GuestUser root{.name = "root", .home = "/root"};
  EXPECT_THAT(GuestEnvironment(caller, root, {}, {}, true),
              Contains("PATH=/opt/x:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"));
  const GuestUser user{.uid = 1000, .gid = 1000, .name = "u", .home = "/home/u"};
  EXPECT_THAT(GuestEnvironment(caller, user, {}, {}, true), Contains("PATH=/opt/x:/usr/bin:/bin"));
  EXPECT_THAT(GuestEnvironment(caller, root, {}, {{"PATH", "/mine"}}, true), Contains("PATH=/mine"));
}

}  // namespace
}  // namespace kiln::run
