#include "trim/known.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kiln::trim {
namespace {

constexpr size_t kBytes = Known::kMost * sizeof(uint64_t);
constexpr size_t kFurthest = 64;  // Slots that are looked at for one digest.
constexpr unsigned kPrivate = 0600;

size_t SlotOf(uint64_t digest, size_t step) { return (digest + step) & (Known::kMost - 1); }

}  // namespace

Known::~Known() {
  if (slots_ != nullptr) munmap(const_cast<uint64_t*>(slots_), kBytes);
  if (file_ >= 0) close(file_);
}

bool Known::Open(const char* path) {
  file_ = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kPrivate);
  if (file_ < 0) return false;
  struct stat what{};
  if (fstat(file_, &what) != 0 || !S_ISREG(what.st_mode)) return false;
  // Two that make it at the same time make the same.
  const bool is_new = what.st_size == 0;
  if (is_new ? ftruncate(file_, static_cast<off_t>(kBytes)) != 0 : what.st_size != static_cast<off_t>(kBytes))
    return false;
  void* at = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file_, 0);
  if (at == MAP_FAILED) return false;
  slots_ = static_cast<const uint64_t*>(at);
  return true;
}

// 0 is a free slot, and no digest that counts.
bool Known::Has(uint64_t digest) const {
  for (size_t step = 0; slots_ != nullptr && step < kFurthest; ++step) {
    const uint64_t there = __atomic_load_n(&slots_[SlotOf(digest, step)], __ATOMIC_RELAXED);
    if (there == digest) return digest != 0;
    if (there == 0) return false;
  }
  return false;
}

void Known::Add(uint64_t digest) {
  for (size_t step = 0; slots_ != nullptr && step < kFurthest; ++step) {
    const size_t slot = SlotOf(digest, step);
    const uint64_t there = __atomic_load_n(&slots_[slot], __ATOMIC_RELAXED);
    if (there == digest) return;
    if (there != 0) continue;
    // Not through memory: a full disk would end the program.
    [[maybe_unused]] const ssize_t written =
        pwrite(file_, &digest, sizeof digest, static_cast<off_t>(slot * sizeof digest));
    return;
  }
}

}  // namespace kiln::trim
