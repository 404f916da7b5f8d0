// How fast consoles are read: text without a crash (MB/s), the logs of a corpus (logs/s, when one is at
// KILN_CRASH_REPORTS or ../shared/crash-reports), and input made to be slow.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "console/reader.h"
#include "crash/detector.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsFor(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct CountSink final : kiln::crash::CrashSink {
  void OnReport(const kiln::crash::Report&) override { ++reports; }
  size_t reports = 0;
};

/// Feeds `log` in pieces as a pipe would.
size_t Read(std::string_view log) {
  CountSink sink;
  kiln::crash::Detector detector(sink);
  kiln::console::Reader reader(detector);
  for (size_t at = 0; at < log.size(); at += 65'536) reader.Feed(log.substr(at, 65'536));
  reader.Finish();
  detector.Finish();
  return sink.reports;
}

std::string PlainConsole(size_t bytes) {
  static const char* const kLines[] = {
      "pci 0000:00:1f.2: [8086:2922] type 00 class 0x010601",
      "ACPI: PCI: Interrupt link LNKA configured for IRQ 10",
      "systemd[1]: Started Journal Service.",
      "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
      "audit: type=1400 audit(1700000000.123:45): apparmor=\"STATUS\" operation=\"profile_load\" "
      "name=\"lsb_release\" pid=412",
      "usb 1-1: New USB device found, idVendor=0627, idProduct=0001, bcdDevice= 0.00",
      "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready"};
  std::string out;
  out.reserve(bytes + 256);
  for (size_t i = 0; out.size() < bytes; ++i) {
    char stamp[48];
    std::snprintf(stamp, sizeof stamp, "[%5zu.%06zu][%5s%zu] ", i / 1000, i % 1000 * 997, "T", i % 900);
    out.append(stamp).append(kLines[i % std::size(kLines)]).push_back('\n');
  }
  return out;
}

void Line(const char* name, double seconds, double megabytes, size_t reports) {
  std::printf("%-34s %8.3f s %9.1f MB/s  %zu reports\n", name, seconds, megabytes / seconds, reports);
}

void Bench(const char* name, const std::string& log) {
  size_t reports = 0;
  const double seconds = SecondsFor([&] { reports = Read(log); });
  Line(name, seconds, static_cast<double>(log.size()) / 1e6, reports);
}

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) out.append(text);
  return out;
}

void BenchCorpus(const std::filesystem::path& folder) {
  std::vector<std::string> logs;
  double megabytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".log") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    logs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    megabytes += static_cast<double>(logs.back().size()) / 1e6;
  }
  if (logs.empty()) {
    std::printf("no corpus at %s\n", folder.c_str());
    return;
  }
  constexpr int kRounds = 5;
  size_t reports = 0;
  const double seconds = SecondsFor([&] {
    for (int i = 0; i < kRounds; ++i) {
      for (const auto& log : logs) reports += Read(log);
    }
  });
  std::printf("%-34s %8.3f s %9.1f MB/s  %.0f logs/s\n", "corpus", seconds, megabytes * kRounds / seconds,
              static_cast<double>(logs.size() * kRounds) / seconds);
}

}  // namespace

int main() {
  Bench("console without a crash, 400 MB", PlainConsole(400'000'000));
  const char* root = std::getenv("KILN_CRASH_REPORTS");
  BenchCorpus(std::filesystem::path(root != nullptr ? root : "../shared/crash-reports") / "syzbot");
  Bench("100 MB of \"BUG:\" lines", Repeat("BUG: foo bar\n", 100'000'000 / 13));
  Bench("100 MB of page fault headers",
        Repeat("[    1.000000] BUG: unable to handle page fault for address: ffff\n", 100'000'000 / 66));
  Bench("one line of 100 MB", std::string(100'000'000, 'x'));
  Bench("one line of 100 MB of \"[ 1.\"", Repeat("[ 1.", 25'000'000));
  Bench("10^6 nested traces",
        Repeat("Call Trace:\n foo+0x1/0x2\n BUG: KASAN: use-after-free in foo+0x1/0x2\n", 1'000'000));
  Bench("one KASAN report of 10^6 frames",
        "BUG: KASAN: use-after-free in kfree+0x1/0x2\nRead of size 8\nCall Trace:\n" +
            Repeat(" kfree+0x1/0x2\n", 1'000'000));
  return 0;
}
