#include "run/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::run {
namespace {

using testing::MatchesRegex;

TEST(Identity, IsWellFormedAndAllOfItComesFromTheRandomBytes) {
  const Identity zero = MakeIdentity(std::string(32, '\0'), "");
  EXPECT_EQ(zero.hostname, "kiln-000000");
  EXPECT_EQ(zero.machine_id, std::string(32, '0') + "\n");
  EXPECT_EQ(zero.mac, "52:54:00:00:00:00");
  EXPECT_EQ(zero.generation_id, "00000000-0000-4000-8000-000000000000");
  const Identity other = MakeIdentity(std::string(32, '\xab'), "mine");
  EXPECT_EQ(other.hostname, "mine");
  EXPECT_EQ(other.mac, "52:54:00:ab:ab:ab");
  EXPECT_EQ(other.generation_id, "abababab-abab-4bab-abab-abababababab");
}

TEST(Identity, NoTwoAreAlike) {
  const Identity one = MakeIdentity(RandomBytes(32), "");
  const Identity two = MakeIdentity(RandomBytes(32), "");
  EXPECT_NE(one.machine_id, two.machine_id);
  EXPECT_NE(one.generation_id, two.generation_id);
  EXPECT_THAT(one.hostname, MatchesRegex("kiln-[0-9a-f]{6}"));
}

}  // namespace
}  // namespace kiln::run
