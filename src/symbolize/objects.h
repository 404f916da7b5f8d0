#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elf/symbol_index.h"
#include "elf/unit_table.h"
#include "store/cache.h"
#include "symbolize/decoder.h"
#include "symbolize/mapped_file.h"

namespace kiln::symbolize {

/// One vmlinux, module or file of debug information: its symbols, and of its debug information what was asked
/// for.
class Object {
 public:
  const std::string& path() const { return path_; }
  const elf::ObjectFacts& facts() const { return index_->facts(); }
  const elf::SymbolIndex& index() const { return *index_; }
  /// The functions at an address, innermost first; files as the debug information has them. Only units that
  /// ObjectStore::Prepare() was asked for are known.
  std::vector<elf::SourceFrame> SourceAt(uint64_t address) const;

 private:
  friend class ObjectStore;
  std::string path_;
  std::string key_;          // Of the cache; empty: what is read is not kept.
  std::string index_bytes_;  // One of these two holds the index.
  std::optional<MappedFile> index_file_;
  std::optional<elf::SymbolIndex> index_;
  std::vector<std::unique_ptr<std::string>> unit_bytes_;  // What units_ points into, or
  std::optional<MappedFile> unit_file_;                   // this.
  std::map<uint64_t, std::string_view> units_;
  std::map<uint64_t, bool> asked_;
};

/// Reads objects, and remembers between runs what was read: by the identity of the file (path, inode, size,
/// times), in two kinds of cache entries, `symbol-index` and `debug-units`. A cache that cannot be written or
/// is damaged costs time alone.
class ObjectStore {
 public:
  /// All must outlive it and its objects. No cache: nothing is remembered.
  ObjectStore(Decoder& decoder, store::Cache* cache, const Clock& clock, Log& log)
      : decoder_(decoder), cache_(cache), clock_(clock), log_(log) {}

  /// Errors name the path and what is wrong with it: missing, unreadable, a folder, no ELF file, cut short.
  Result<Object*> Open(const std::string& path);
  /// Makes the debug information of these addresses known to SourceAt(), all at once.
  Result<> Prepare(Object& object, const std::vector<uint64_t>& addresses);

 private:
  Result<> LoadIndex(Object& object);
  void LoadUnits(Object& object);
  void KeepUnits(Object& object);

  Decoder& decoder_;
  store::Cache* cache_;
  const Clock& clock_;
  Log& log_;
  std::map<std::string, std::unique_ptr<Object>> objects_;
};

}  // namespace kiln::symbolize
