#include "store/index.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::store {
namespace {

constexpr int kSchema = 2;
constexpr int kBusyMs = 5000;
// A rollback journal, not WAL: writers are rare and short, and WAL would leave two more files and fail on
// network and read-only file systems.
constexpr const char* kCreate =
    "CREATE TABLE runs ("
    " id TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " started INTEGER NOT NULL, verdict TEXT, kernel TEXT NOT NULL, summary TEXT NOT NULL) WITHOUT ROWID";

bool IsDamage(int code) { return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_SCHEMA; }

}  // namespace

struct Index::Database {
  explicit Database(const std::string& path)
      : db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs) {
    db.exec("PRAGMA synchronous=NORMAL");
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    if (version != kSchema || !db.tableExists("runs")) {
      db.exec("DROP TABLE IF EXISTS runs");
      db.exec(kCreate);
      db.exec(fmt::format("PRAGMA user_version={}", kSchema));
    }
    transaction.commit();
  }
  SQLite::Database db;
};

Index::Index(const std::string& path, Log& log) : log_(log) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      database_ = std::make_unique<Database>(path);
      return;
    } catch (const SQLite::Exception& error) {
      log.Debug("index {}: {}", path, error.what());
      if (!IsDamage(error.getErrorCode())) return;
      ::unlink(path.c_str());
      ::unlink((path + "-journal").c_str());
    }
  }
}

Index::~Index() = default;

std::map<std::string, IndexRow> Index::Load() {
  std::map<std::string, IndexRow> rows;
  if (!database_) return rows;
  try {
    SQLite::Statement query(database_->db, "SELECT id, mtime_ns, size, inode, summary FROM runs");
    while (query.executeStep()) {
      const std::string id = query.getColumn(0).getString();
      const auto json = nlohmann::json::parse(query.getColumn(4).getString(), nullptr, false);
      auto summary = ParseSummary(json, id);
      if (!summary) continue;
      rows[id] = {.mtime_ns = query.getColumn(1).getInt64(),
                  .size = static_cast<uint64_t>(query.getColumn(2).getInt64()),
                  .inode = static_cast<uint64_t>(query.getColumn(3).getInt64()),
                  .summary = *std::move(summary)};
    }
  } catch (const SQLite::Exception& error) {
    log_.Debug("index: {}", error.what());
    if (IsDamage(error.getErrorCode())) {
      const std::string path = database_->db.getFilename();
      database_.reset();
      ::unlink(path.c_str());
      ::unlink((path + "-journal").c_str());
    }
    rows.clear();
  }
  return rows;
}

void Index::Save(const std::vector<IndexRow>& changed, const std::vector<std::string>& removed) {
  if (!database_ || (changed.empty() && removed.empty())) return;
  try {
    SQLite::Transaction transaction(database_->db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement put(database_->db, "INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?)");
    for (const IndexRow& row : changed) {
      put.bind(1, row.summary.id);
      put.bind(2, row.mtime_ns);
      put.bind(3, static_cast<int64_t>(row.size));
      put.bind(4, static_cast<int64_t>(row.inode));
      put.bind(5, int64_t{row.summary.started.time_since_epoch().count()});
      put.bind(6, row.summary.verdict ? std::string(Name(*row.summary.verdict)) : std::string());
      put.bind(7, row.summary.kernel);
      put.bind(8, ToJson(row.summary).dump());
      put.exec();
      put.reset();
    }
    SQLite::Statement drop(database_->db, "DELETE FROM runs WHERE id = ?");
    for (const std::string& id : removed) {
      drop.bind(1, id);
      drop.exec();
      drop.reset();
    }
    transaction.commit();
  } catch (const SQLite::Exception& error) {
    log_.Debug("index: {}", error.what());  // The next list reads the files again.
  }
}

}  // namespace kiln::store
