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

TEST(Identity, SistersAreTheSameOnceItIsForgotten) {
  machine::Machine one;
  machine::Machine two;
  one.network.mac = "52:54:00:00:00:01";
  two.network.mac = "52:54:00:00:00:02";
  one.generation_id = "11111111-2222-3333-4444-555555555555";
  two.generation_id = "21111111-2222-3333-4444-555555555555";
  ForgetIdentity(one);
  ForgetIdentity(two);
  EXPECT_EQ(one.network.mac, two.network.mac);
  EXPECT_EQ(one.generation_id, two.generation_id);
  EXPECT_TRUE(one.generation_id.has_value()) << "the device stays";
  machine::Machine without;
  ForgetIdentity(without);
  EXPECT_FALSE(without.generation_id.has_value());
}

}  // namespace
}  // namespace kiln::run
