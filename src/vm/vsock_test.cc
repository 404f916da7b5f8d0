#include "vm/vsock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <set>
#include <vector>

#include "sys/files.h"

namespace kiln::vm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

sys::Fd AnyFd() { return *sys::Open("/dev/null", O_RDWR); }

class FakeVsockHost final : public VsockHost {
 public:
  int open_errno = 0;
  int cid_errno = 0;  ///< For a CID that is not taken.
  int listen_errno = 0;
  std::set<uint32_t> taken;
  bool all_taken = false;
  std::deque<uint32_t> callers;  ///< The CIDs of those who wait.
  std::vector<uint32_t> asked;

  Result<sys::Fd> OpenDevice() override {
    if (open_errno != 0) return ErrnoError(open_errno, "open /dev/vhost-vsock");
    return AnyFd();
  }
  Result<> SetGuestCid(const sys::Fd& device, uint32_t cid) override {
    EXPECT_TRUE(device);
    asked.push_back(cid);
    if (all_taken || taken.contains(cid)) return ErrnoError(EADDRINUSE, "take the vsock CID {}", cid);
    if (cid_errno != 0) return ErrnoError(cid_errno, "take the vsock CID {}", cid);
    return {};
  }
  Result<std::pair<sys::Fd, uint32_t>> Listen() override {
    if (listen_errno != 0) return ErrnoError(listen_errno, "make a vsock socket");
    return std::pair(AnyFd(), uint32_t{1234});
  }
  Result<std::pair<sys::Fd, uint32_t>> Accept(const sys::Fd&) override {
    if (callers.empty()) return std::pair(sys::Fd(), uint32_t{0});
    const uint32_t cid = callers.front();
    callers.pop_front();
    return std::pair(AnyFd(), cid);
  }
  uint32_t RandomNumber() override { return number_++; }

 private:
  uint32_t number_ = 7;
};

TEST(OpenVsock, TakesTheFirstFreeCid) {
  FakeVsockHost host;
  const auto first = OpenVsock(host);
  ASSERT_TRUE(first.has_value()) << first.error().Text();
  EXPECT_TRUE(first->device && first->listener);
  EXPECT_GT(first->cid, 2U);
  EXPECT_EQ(first->port, 1234U);
  host.taken = {first->cid + 1, first->cid + 2};
  host.asked.clear();
  EXPECT_EQ(OpenVsock(host)->cid, first->cid + 3);
  EXPECT_THAT(host.asked, ElementsAre(first->cid + 1, first->cid + 2, first->cid + 3));
}

TEST(OpenVsock, NoCidIsTheHostsOwnOrReserved) {
  class Extreme final : public VsockHost {
   public:
    explicit Extreme(uint32_t number) : number_(number) {}
    Result<sys::Fd> OpenDevice() override { return AnyFd(); }
    Result<> SetGuestCid(const sys::Fd&, uint32_t) override { return {}; }
    Result<std::pair<sys::Fd, uint32_t>> Listen() override { return std::pair(AnyFd(), uint32_t{1}); }
    Result<std::pair<sys::Fd, uint32_t>> Accept(const sys::Fd&) override { return std::pair(AnyFd(), 0U); }
    uint32_t RandomNumber() override { return number_; }

   private:
    uint32_t number_;
  };
  for (const uint32_t number : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    Extreme host(number);
    const uint32_t cid = OpenVsock(host)->cid;
    EXPECT_GT(cid, 2U);
    EXPECT_LT(cid, 0x80000000U);
  }
}

TEST(OpenVsock, SaysWhatToDo) {
  struct Case {
    int open;
    int cid;
    int listen;
    ErrorCode code;
    const char* hint;
  };
  for (const Case& test : {Case{ENOENT, 0, 0, ErrorCode::kUnsupported, "modprobe vhost_vsock"},
                           Case{ENODEV, 0, 0, ErrorCode::kUnsupported, "CONFIG_VHOST_VSOCK"},
                           Case{EACCES, 0, 0, ErrorCode::kPermission, "usermod -aG kvm"},
                           Case{0, EPERM, 0, ErrorCode::kPermission, "--link serial"},
                           Case{0, 0, EAFNOSUPPORT, ErrorCode::kUnsupported, "modprobe vhost_vsock"}}) {
    FakeVsockHost host;
    host.open_errno = test.open;
    host.cid_errno = test.cid;
    host.listen_errno = test.listen;
    const auto refused = OpenVsock(host);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), test.code);
    EXPECT_THAT(refused.error().Text(), HasSubstr("the agent's link is vsock"));
    EXPECT_THAT(refused.error().hint(), HasSubstr(test.hint));
  }
}

TEST(OpenVsock, GivesUpWhenEveryCidIsTaken) {
  FakeVsockHost host;
  host.all_taken = true;
  const auto refused = OpenVsock(host);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_LE(host.asked.size(), 1000U);
}

TEST(AcceptAgent, TurnsStrangersAway) {
  FakeVsockHost host;
  const auto ends = *OpenVsock(host);
  EXPECT_FALSE(*AcceptAgent(host, ends));
  host.callers = {1, 2, ends.cid + 1, ends.cid, ends.cid};
  EXPECT_TRUE(*AcceptAgent(host, ends));
  EXPECT_THAT(host.callers, ElementsAre(ends.cid));
  host.callers.assign(10'000, ends.cid + 1);
  EXPECT_FALSE(*AcceptAgent(host, ends));
}

TEST(SystemVsockHost, OpensOrSaysWhyNot) {
  const auto host = MakeSystemVsockHost();
  const auto ends = OpenVsock(*host);
  if (!ends) {
    EXPECT_FALSE(ends.error().Text().empty());
    GTEST_SKIP() << ends.error().Text();
  }
  EXPECT_NE(OpenVsock(*host)->cid, ends->cid);
  EXPECT_FALSE(*AcceptAgent(*host, *ends));
}

}  // namespace
}  // namespace kiln::vm
