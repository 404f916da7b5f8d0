#include "run/console_log.h"

#include <fcntl.h>

#include <algorithm>

#include "base/strings.h"

namespace kiln::run {

Result<ConsoleLog> ConsoleLog::Create(const std::string& path) {
  ConsoleLog log;
  if (!path.empty()) log.fd_ = KILN_TRY(sys::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return log;
}

void ConsoleLog::Add(std::string_view bytes) {
  if (fd_ && total_ < kHead) {
    // A full disk must not stop the run.
    if (!sys::WriteAll(fd_.get(), bytes.substr(0, kHead - total_))) fd_.Reset();
  }
  total_ += bytes.size();
  tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), kTail));
  if (tail_.size() > 2 * kTail) tail_.erase(0, tail_.size() - kTail);
}

void ConsoleLog::Finish() {
  if (!fd_ || total_ <= kHead) return;
  const uint64_t after = total_ - kHead;
  const uint64_t kept = std::min<uint64_t>({after, tail_.size(), kTail});
  if (after > kept) {
    (void)sys::WriteAll(fd_.get(),
                        fmt::format("\n[kiln: {} of console output not kept]\n", FormatSize(after - kept)));
  }
  (void)sys::WriteAll(fd_.get(), std::string_view(tail_).substr(tail_.size() - kept));
}

std::string ConsoleLog::LastLine() const {
  std::string_view text =
      Trim(std::string_view(tail_).substr(tail_.size() - std::min<size_t>(tail_.size(), 4096)));
  const size_t newline = text.rfind('\n');
  if (newline != std::string_view::npos) text.remove_prefix(newline + 1);
  return Printable(Trim(text.substr(0, 200)));
}

}  // namespace kiln::run
