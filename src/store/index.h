#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "store/run_record.h"
#include "sys/files.h"

namespace kiln::store {

/// One row: the summary of a run and the identity of the run.json that it was read from.
struct IndexRow {
  int64_t mtime_ns = 0;
  uint64_t size = 0;
  uint64_t inode = 0;
  RunSummary summary;
  bool Matches(const sys::FileIdentity& file) const {
    return mtime_ns == file.mtime_ns && size == file.size && inode == file.inode;
  }
};

/// Remembers summaries so that they need not be read from their files again. It can always be made again from
/// them, so nothing here fails: a database that is damaged or of another schema is begun anew; one that can't
/// be opened, written or waited for is done without.
class Index {
 public:
  Index(const std::string& path, Log& log);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  std::map<std::string, IndexRow> Load();
  void Save(const std::vector<IndexRow>& changed, const std::vector<std::string>& removed);

 private:
  struct Database;
  std::unique_ptr<Database> database_;  // Null: done without.
  Log& log_;
};

}  // namespace kiln::store
