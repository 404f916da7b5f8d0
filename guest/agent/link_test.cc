#include "link.h"

#include <gtest/gtest.h>

namespace kiln::agent {
namespace {

TEST(AgentCommandLine, DefaultIsTheVirtioPort) {
  Failure failure;
  const BootOptions options = ParseCommandLine("console=ttyS0 quiet panic=-1\n", failure);
  EXPECT_EQ(options.link, wire::kLinkVirtioSerial);
  EXPECT_STREQ(options.name, "org.kiln.agent");
  EXPECT_STREQ(options.script, "");
  EXPECT_FALSE(failure);
}

TEST(AgentCommandLine, EachLinkAndTheLastOneCounts) {
  Failure failure;
  BootOptions options = ParseCommandLine("kiln.link=vsock:1024 kiln.link=ttyS1", failure);
  EXPECT_EQ(options.link, wire::kLinkSerial);
  EXPECT_STREQ(options.name, "ttyS1");
  options = ParseCommandLine("kiln.link=vsock:1024 kiln.script=/kiln/script", failure);
  EXPECT_EQ(options.link, wire::kLinkVsock);
  EXPECT_EQ(options.port, 1024U);
  EXPECT_STREQ(options.script, "/kiln/script");
  EXPECT_EQ(ParseCommandLine("kiln.link=vsock:4294967294", failure).port, 4294967294U);
  options = ParseCommandLine("x kiln.link=virtio:other", failure);
  EXPECT_EQ(options.link, wire::kLinkVirtioSerial);
  EXPECT_STREQ(options.name, "other");
  EXPECT_FALSE(failure);
}

TEST(AgentCommandLine, NonsenseIsSaidAndChangesNothing) {
  const char* const lines[] = {"kiln.link=",
                               "kiln.link=vsock:",
                               "kiln.link=vsock:1x",
                               "kiln.link=vsock:4294967296",
                               "kiln.link=vsock:10000000000",
                               "kiln.link=tty/../x",
                               "kiln.link=carrier-pigeon",
                               "kiln.link=virtio:"};
  for (const char* line : lines) {
    Failure failure;
    EXPECT_STREQ(ParseCommandLine(line, failure).name, "org.kiln.agent") << line;
    EXPECT_EQ(ParseCommandLine(line, failure).link, wire::kLinkVirtioSerial) << line;
    EXPECT_TRUE(failure) << line;
  }
}

TEST(AgentText, LineIsBounded) {
  Line line;
  for (int i = 0; i < 100; ++i) line.Add("0123456789");
  EXPECT_LT(line.view().size, 480U);
  EXPECT_STREQ(Text("a", uint64_t{0}, " ", ~uint64_t{0}).c_str(), "a0 18446744073709551615");
}

TEST(AgentNotes, DropWhatDoesNotFit) {
  Notes notes;
  for (int i = 0; i < 1000; ++i) notes.Add(Failed(ENOENT, "load module ", static_cast<uint64_t>(i)));
  wire::ViewList list = notes.list();
  EXPECT_GT(list.count, 50U);
  uint32_t count = 0;
  for (View note; list.Next(note);) ++count;
  EXPECT_EQ(count, notes.list().count);
}

}  // namespace
}  // namespace kiln::agent
