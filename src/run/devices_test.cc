#include "run/devices.h"

#include <gtest/gtest.h>

namespace kiln::run {
namespace {

TEST(DevicesTest, DisksAreNamedAsTheKernelCounts) {
  EXPECT_EQ(DiskName(0), "/dev/vda");
  EXPECT_EQ(DiskName(25), "/dev/vdz");
  EXPECT_EQ(DiskName(26), "/dev/vdaa");
  EXPECT_EQ(DiskName(701), "/dev/vdzz");
  EXPECT_EQ(DiskName(702), "/dev/vdaaa");
}

TEST(DevicesTest, AForwardIsTwoPortsAndPerhapsAProtocol) {
  using Protocol = machine::PortForward::Protocol;
  const auto plain = ParseForward("2222:22");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->protocol, Protocol::kTcp);
  EXPECT_EQ(plain->host_port, 2222);
  EXPECT_EQ(plain->guest_port, 22);
  EXPECT_EQ(ParseForward("tcp:2222:22")->protocol, Protocol::kTcp);
  EXPECT_EQ(ParseForward("udp:0:53")->protocol, Protocol::kUdp);
  for (const char* bad :
       {"", "22", ":22", "22:", "22:0", "65536:22", "22:65536", "-1:22", "1:2:3", "sctp:1:2"})
    EXPECT_FALSE(ParseForward(bad).has_value()) << bad;
}

TEST(DevicesTest, ADisksFormatIsToldByItsName) {
  EXPECT_FALSE(AttachDisk({.path = "/nowhere/disk.img"}).has_value());
  EXPECT_EQ(AttachDisk({.path = KILN_SOURCE_DIR "/README.md"})->format, "raw");
  EXPECT_EQ(AttachDisk({.path = KILN_SOURCE_DIR "/README.md", .format = "qcow2"})->format, "qcow2");
}

}  // namespace
}  // namespace kiln::run
