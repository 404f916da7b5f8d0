#include "wire/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Synced() {
  std::string out;
  AppendSync(out);
  return out;
}

Exec SampleExec() {
  return {.argv = {"sh", "-c", std::string("a\0b", 3), ""},
          .env = {"PATH=/bin"},
          .cwd = "/tmp",
          .uid = 1000,
          .gid = 100,
          .groups = {4, 27},
          .flags = kExecPty,
          .rows = 24,
          .cols = 80};
}

TEST(Wire, MessageSurvivesTheLink) {
  std::string out = Synced();
  ASSERT_TRUE(Encode(out, 7, SampleExec(), kChained));
  Decoder decoder;
  decoder.Push(out);
  const auto frame = decoder.Pop();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, Type::kExec);
  EXPECT_EQ(frame->channel, 7U);
  EXPECT_EQ(frame->flags, kChained);
  EXPECT_TRUE(frame->restarted);
  const auto exec = Decode<Exec>(frame->payload);
  ASSERT_TRUE(exec);
  EXPECT_EQ(exec->argv, SampleExec().argv);
  EXPECT_THAT(exec->groups, ElementsAre(4U, 27U));
  EXPECT_EQ(exec->cols, 80U);
  EXPECT_FALSE(decoder.Pop());
  EXPECT_EQ(decoder.error(), "");
}

TEST(Wire, HeaderIsByteExact) {
  std::string out;
  AppendData(out, 0x01020304, kStderr, "xy");
  EXPECT_EQ(out, std::string("\x03\0\0\0\x02\0\0\0\x04\x03\x02\x01\x02xy", 15));
}

TEST(Wire, AgentsCodecAndHostsCodecAgree) {
  const std::string payload = Payload(SampleExec());
  ExecOf<Borrowed> borrowed;
  FieldReader reader(View(payload.data(), payload.size()));
  ExecOf<Borrowed>::Fields(borrowed, reader);
  ASSERT_TRUE(reader.Complete());
  View text;
  ViewList argv = borrowed.argv;
  ASSERT_TRUE(argv.Next(text));
  EXPECT_EQ(std::string(text.data, text.size), "sh");
  EXPECT_EQ(borrowed.groups.At(1), 27U);
  std::string again(payload.size(), '?');
  FieldWriter writer(again.data(), again.size());
  ExecOf<Borrowed>::Fields(borrowed, writer);
  EXPECT_FALSE(writer.failed());
  EXPECT_EQ(again, payload);
  FieldWriter small(again.data(), again.size() - 1);
  ExecOf<Borrowed>::Fields(borrowed, small);
  EXPECT_TRUE(small.failed());
}

TEST(Wire, NoiseBeforeSyncIsDroppedInAnySplit) {
  std::string stream = "[    0.000000] Linux\r\n\xffkiln\x1a but no sync \xff\xff";
  const size_t noise = stream.size();
  AppendSync(stream);
  Encode(stream, kNoChannel, Ping{.token = 42});
  for (size_t step = 1; step <= stream.size(); ++step) {
    Decoder decoder;
    std::vector<uint64_t> tokens;
    for (size_t at = 0; at < stream.size(); at += step) {
      decoder.Push(std::string_view(stream).substr(at, step));
      while (const auto frame = decoder.Pop()) tokens.push_back(Decode<Ping>(frame->payload)->token);
    }
    EXPECT_THAT(tokens, ElementsAre(42U)) << "in pieces of " << step;
    EXPECT_TRUE(decoder.synced());
    EXPECT_LE(decoder.noise(), noise);
    EXPECT_EQ(decoder.error(), "");
  }
}

TEST(Wire, SyncInPlaceOfAHeaderRestartsTheStream) {
  std::string stream = Synced();
  Encode(stream, 1, Ping{.token = 1});
  AppendMessage(stream, Type::kExec, 2, kMore, "half a message");
  AppendSync(stream);
  Encode(stream, 1, Ping{.token = 2});
  Encode(stream, 1, Ping{.token = 3});
  Decoder decoder;
  decoder.Push(stream);
  EXPECT_TRUE(decoder.Pop()->restarted);
  const auto second = decoder.Pop();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->restarted);
  EXPECT_EQ(Decode<Ping>(second->payload)->token, 2U);
  EXPECT_FALSE(decoder.Pop()->restarted);
}

TEST(Wire, LongMessagesAreCutAndPutTogether) {
  const Exec exec{.argv = {"echo", std::string(150'000, 'x')}};
  std::string stream = Synced();
  ASSERT_TRUE(Encode(stream, 3, exec, kChained));
  Decoder decoder(kMaxMessage);
  std::optional<Exec> got;
  for (size_t at = 0; at < stream.size(); at += 4096) {
    decoder.Push(std::string_view(stream).substr(at, 4096));
    while (const auto frame = decoder.Pop()) {
      EXPECT_EQ(frame->flags, kChained);
      got = Decode<Exec>(frame->payload);
    }
  }
  ASSERT_TRUE(got) << decoder.error();
  EXPECT_EQ(got->argv, exec.argv);

  Decoder strict;
  strict.Push(stream);
  EXPECT_FALSE(strict.Pop());
  EXPECT_THAT(strict.error(), HasSubstr("longer than 65536"));
  std::string nothing;
  EXPECT_FALSE(Encode(nothing, 3, Exec{.argv = {std::string(kMaxMessage, 'x')}}));
  EXPECT_EQ(nothing, "");
}

TEST(Wire, DataIsCutToFrames) {
  std::string stream = Synced();
  const std::string bytes(200'000, '\xff');
  AppendData(stream, 9, kStdin, bytes);
  Decoder decoder;
  decoder.Push(stream);
  std::string got;
  while (const auto frame = decoder.Pop()) {
    const auto data = DecodeData(frame->payload);
    ASSERT_TRUE(data);
    EXPECT_EQ(data->stream, kStdin);
    got += data->bytes;
  }
  EXPECT_EQ(got, bytes);
  EXPECT_FALSE(DecodeData(""));
}

TEST(Wire, ViolationsAreTerminal) {
  struct Case {
    std::string bytes;
    const char* what;
  };
  const Case cases[] = {
      {std::string("\x01\0\x01\0\x02\0\0\0\0\0\0\0", 12), "longer than 64 KiB"},
      {std::string("\xff\xff\xff\xff\x02\0\0\0\0\0\0\0", 12), "longer than 64 KiB"},
      {std::string("\0\0\0\0\x02\x80\0\0\0\0\0\0", 12), "unknown bits"},
      {std::string("\0\0\0\0\x02\0\0\x01\0\0\0\0", 12), "unknown bits"},
  };
  for (const Case& test : cases) {
    Decoder decoder;
    decoder.Push(Synced() + test.bytes);
    EXPECT_FALSE(decoder.Pop());
    EXPECT_THAT(decoder.error(), HasSubstr(test.what));
    std::string good;
    Encode(good, 1, Ping{});
    decoder.Push(good);
    EXPECT_FALSE(decoder.Pop());
  }
}

TEST(Wire, AnotherMessageInTheMiddleOfOneIsAViolation) {
  std::string stream = Synced();
  AppendMessage(stream, Type::kExec, 1, kMore, "half");
  Encode(stream, 1, Ping{});
  Decoder decoder;
  decoder.Push(stream);
  EXPECT_FALSE(decoder.Pop());
  EXPECT_THAT(decoder.error(), HasSubstr("Ping frame in the middle of a Exec message"));
}

TEST(Wire, LyingLengthsDecodeToNothing) {
  const std::string list(4, '\xff');  // 4 G texts in no bytes.
  EXPECT_FALSE(Decode<Exec>(list));
  const std::string reply = Payload(Reply{.error = 2, .what = "open /x"});
  EXPECT_TRUE(Decode<Reply>(reply));
  EXPECT_FALSE(Decode<Reply>(reply + "x"));
  for (size_t size = 0; size < reply.size(); ++size) EXPECT_FALSE(Decode<Reply>(reply.substr(0, size)));
}

TEST(Wire, HelloPrefixIsReadWhateverFollows) {
  AgentHello hello{.prefix = {.version = 9, .min_version = 8, .build = "kiln 3.0"}};
  const std::string payload = Payload(hello) + "fields of the future";
  EXPECT_FALSE(Decode<AgentHello>(payload));
  const auto prefix = DecodeHelloPrefix(payload);
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->version, 9U);
  EXPECT_EQ(prefix->build, "kiln 3.0");
  EXPECT_FALSE(DecodeHelloPrefix("not a hello, whatever it says"));
  hello.prefix.min_version = 10;
  EXPECT_FALSE(DecodeHelloPrefix(Payload(hello)));
}

TEST(Wire, VersionMismatchSaysWhoIsOld) {
  const HelloPrefix ours{.version = 4, .min_version = 3, .build = "kiln 2"};
  EXPECT_EQ(VersionMismatch(ours, {.version = 3, .min_version = 1, .build = "x"}), "");
  EXPECT_EQ(VersionMismatch(ours, {.version = 6, .min_version = 4, .build = "x"}), "");
  EXPECT_THAT(
      VersionMismatch(ours, {.version = 2, .min_version = 1, .build = "kiln 1"}),
      AllOf(HasSubstr("(kiln 1) speaks protocol 2, too old for this kiln (kiln 2)"), HasSubstr("needs 3")));
  EXPECT_THAT(VersionMismatch(ours, {.version = 6, .min_version = 5, .build = "kiln 9"}),
              AllOf(HasSubstr("too new for this kiln (kiln 2)"), HasSubstr("speaks 4")));
}

TEST(Wire, EveryTypeHasAName) {
  EXPECT_EQ(Name(Type::kSwitchRoot), "SwitchRoot");
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): none of ours is meant.
  EXPECT_EQ(Name(static_cast<Type>(200)), "type 200");
}

}  // namespace
}  // namespace kiln::wire
