#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "box/box.h"

namespace kiln::box {
namespace {

constexpr int kMaxWords = 256;
constexpr int kMaxCommands = 16;
constexpr size_t kTextSize = size_t{64} * 1024;

struct Redirection {
  int target = -1;  // 0, 1 or 2.
  int flags = 0;    // Of open(2); -1: be a copy of `copy_of`.
  int copy_of = 0;
  char* path = nullptr;
};

struct Command {
  char* words[kMaxWords + 1];
  int count = 0;
  Redirection redirections[4];
  int redirected = 0;
};

/// Reads commands off a text and runs them as it goes, so that $? is what it should be.
class Interpreter {
 public:
  int Run(const char* text);
  bool finished() const { return finished_; }
  int status() const { return status_; }
  void Arguments(int argc, char** argv) {
    argc_ = argc;
    argv_ = argv;
  }

 private:
  bool ReadPipeline();
  bool ReadCommand(Command& command);
  bool ReadRedirection(Command& command, int target);
  char* ReadWord();
  bool ReadQuoted(char quote);
  void ReadVariable();
  void Put(char byte);
  void PutText(const char* text);
  void SkipBlank();
  bool Wrong(const char* what);
  bool RunHere(Command& command);
  void RunPipeline();
  [[noreturn]] void RunChild(Command& command);

  const char* at_ = nullptr;
  Command commands_[kMaxCommands];
  int count_ = 0;
  char words_[kTextSize];  // The words of one pipeline.
  size_t used_ = 0;
  int status_ = 0;
  bool finished_ = false;
  bool wrong_ = false;
  int argc_ = 0;
  char** argv_ = nullptr;
};

bool IsNameByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         byte == '_';
}

bool Interpreter::Wrong(const char* what) {
  if (!wrong_) Complain("sh", what, 0);
  wrong_ = true;
  status_ = 2;
  return false;
}

void Interpreter::Put(char byte) {
  if (used_ + 1 < sizeof(words_)) {
    words_[used_++] = byte;
  } else {
    Wrong("a line that is too long");
  }
}

void Interpreter::PutText(const char* text) {
  while (text != nullptr && *text != '\0') Put(*text++);
}

void Interpreter::SkipBlank() {
  for (;;) {
    while (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || (*at_ == '\\' && at_[1] == '\n'))
      at_ += *at_ == '\\' ? 2 : 1;
    if (*at_ != '#') return;
    while (*at_ != '\0' && *at_ != '\n') ++at_;
  }
}

void Interpreter::ReadVariable() {
  ++at_;  // The dollar.
  const bool braced = *at_ == '{';
  if (braced) ++at_;
  char name[128];
  size_t size = 0;
  if (*at_ == '?' || *at_ == '#' || *at_ == '$') {
    name[size++] = *at_++;
  } else {
    while (IsNameByte(*at_) && size + 1 < sizeof(name)) name[size++] = *at_++;
  }
  name[size] = '\0';
  if (braced && *at_++ != '}') {
    Wrong("${NAME} is all this shell knows of braces");
    --at_;
    return;
  }
  if (size == 0) return Put('$');
  if (strcmp(name, "?") == 0) return PutText(Text(static_cast<uint64_t>(status_)).c_str());
  if (strcmp(name, "#") == 0) return PutText(Text(static_cast<uint64_t>(argc_ > 0 ? argc_ - 1 : 0)).c_str());
  if (strcmp(name, "$") == 0) return PutText(Text(static_cast<uint64_t>(getpid())).c_str());
  if (name[0] >= '0' && name[0] <= '9') {
    const int index = atoi(name);
    return PutText(index < argc_ ? argv_[index] : "");
  }
  PutText(getenv(name));
}

bool Interpreter::ReadQuoted(char quote) {
  for (++at_; *at_ != quote; ++at_) {
    if (*at_ == '\0') return Wrong("a quote that is not closed");
    if (quote == '"' && *at_ == '$') {
      ReadVariable();
      --at_;
      continue;
    }
    if (quote == '"' && *at_ == '\\' && at_[1] != '\0' && strchr("\"\\$`", at_[1]) != nullptr) ++at_;
    Put(*at_);
  }
  ++at_;
  return true;
}

/// Nothing where no word begins.
char* Interpreter::ReadWord() {
  SkipBlank();
  if (*at_ == '\0' || strchr("\n;|&<>", *at_) != nullptr) return nullptr;
  char* word = words_ + used_;
  while (*at_ != '\0' && strchr(" \t\r\n;|&<>", *at_) == nullptr) {
    if (*at_ == '\'' || *at_ == '"') {
      if (!ReadQuoted(*at_)) break;
    } else if (*at_ == '$') {
      ReadVariable();
    } else if (*at_ == '`' || *at_ == '(' || *at_ == ')') {
      Wrong("this shell knows no command substitution and no subshells");
      break;
    } else {
      if (*at_ == '\\' && at_[1] != '\0') ++at_;
      Put(*at_++);
    }
  }
  Put('\0');
  return word;
}

bool Interpreter::ReadRedirection(Command& command, int target) {
  if (command.redirected == 4) return Wrong("too many redirections");
  Redirection& redirection = command.redirections[command.redirected++];
  redirection = Redirection();
  const char kind = *at_++;
  redirection.target = target >= 0 ? target : (kind == '<' ? 0 : 1);
  redirection.flags = kind == '<' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  if (kind == '>' && *at_ == '>') {
    ++at_;
    redirection.flags = O_WRONLY | O_CREAT | O_APPEND;
  } else if (kind == '>' && *at_ == '&') {
    redirection.flags = -1;
    redirection.copy_of = at_[1] - '0';
    if (redirection.copy_of < 0 || redirection.copy_of > 2) return Wrong("only 1 and 2 can follow >&");
    at_ += 2;
    return true;
  }
  redirection.path = ReadWord();
  return redirection.path != nullptr || Wrong("a redirection without a file");
}

bool Interpreter::ReadCommand(Command& command) {
  command.count = command.redirected = 0;
  for (;;) {
    SkipBlank();
    if (*at_ == '<' || *at_ == '>') {
      if (!ReadRedirection(command, -1)) return false;
    } else if ((*at_ == '1' || *at_ == '2') && at_[1] == '>') {
      const int target = *at_++ - '0';
      if (!ReadRedirection(command, target)) return false;
    } else if (char* word = ReadWord()) {
      if (command.count == kMaxWords) return Wrong("too many words");
      command.words[command.count++] = word;
    } else {
      break;
    }
    if (wrong_) return false;
  }
  command.words[command.count] = nullptr;
  return !wrong_;
}

bool Interpreter::ReadPipeline() {
  count_ = 0;
  used_ = 0;
  for (;;) {
    if (count_ == kMaxCommands) return Wrong("too long a pipeline");
    Command& command = commands_[count_++];
    if (!ReadCommand(command)) return false;
    const bool pipe = *at_ == '|' && at_[1] != '|';
    if (command.count == 0 && (pipe || count_ > 1)) return Wrong("a pipe that leads nowhere");
    if (!pipe) return true;
    ++at_;
  }
}

/// What must happen in this very process; false when it is no such command.
bool Interpreter::RunHere(Command& command) {
  char** words = command.words;
  // NAME=VALUE alone.
  for (int i = 0; i < command.count; ++i) {
    const char* equals = strchr(words[i], '=');
    if (equals == nullptr || equals == words[i] || (i == 0 && !IsNameByte(words[i][0]))) break;
    if (i + 1 == command.count) {
      for (int k = 0; k < command.count; ++k) putenv(strdup(words[k]));
      status_ = 0;
      return true;
    }
  }
  if (command.count == 0) return command.redirected == 0;
  if (strcmp(words[0], "cd") == 0) {
    const char* path = command.count > 1 ? words[1] : "/";
    status_ = chdir(path) == 0 ? 0 : Complain("cd", path, errno);
  } else if (strcmp(words[0], "exit") == 0) {
    finished_ = true;
    if (command.count > 1) status_ = atoi(words[1]) & 255;
  } else if (strcmp(words[0], "export") == 0) {
    status_ = 0;
    for (int i = 1; i < command.count; ++i)
      if (strchr(words[i], '=') != nullptr) putenv(strdup(words[i]));
  } else {
    return false;
  }
  return true;
}

void Interpreter::RunChild(Command& command) {
  signal(SIGINT, SIG_DFL);
  signal(SIGQUIT, SIG_DFL);
  for (int i = 0; i < command.redirected; ++i) {
    const Redirection& redirection = command.redirections[i];
    const int fd =
        redirection.flags == -1 ? redirection.copy_of : open(redirection.path, redirection.flags, 0644);
    if (fd < 0) _exit(Complain("sh", redirection.path, errno));
    dup2(fd, redirection.target);
    if (fd > 2) close(fd);
  }
  char** words = command.words;
  int count = command.count;
  while (count > 0 && strchr(words[0], '=') != nullptr && IsNameByte(words[0][0])) {
    putenv(words[0]);
    ++words;
    --count;
  }
  if (count == 0) _exit(0);
  if (const Applet applet = Find(words[0])) _exit(applet(count, words));
  execvp(words[0], words);
  Complain("sh", words[0], errno);
  _exit(errno == ENOENT ? 127 : 126);
}

void Interpreter::RunPipeline() {
  if (count_ == 1 && RunHere(commands_[0])) return;
  pid_t pids[kMaxCommands] = {};
  int from = -1;
  for (int i = 0; i < count_; ++i) {
    int ends[2] = {-1, -1};
    const bool last = i + 1 == count_;
    if (!last && pipe2(ends, O_CLOEXEC) != 0) {
      Complain("sh", "a pipe", errno);
      break;
    }
    pids[i] = fork();
    if (pids[i] == 0) {
      if (from >= 0) dup2(from, 0);
      if (!last) dup2(ends[1], 1);
      RunChild(commands_[i]);
    }
    if (pids[i] < 0) Complain("sh", "a new process", errno);
    Close(from);
    Close(ends[1]);
    from = ends[0];
  }
  Close(from);
  for (int i = 0; i < count_; ++i) {
    int status = 0;
    if (pids[i] <= 0) continue;
    while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

int Interpreter::Run(const char* text) {
  at_ = text;
  wrong_ = false;
  bool skip = false;
  while (!finished_) {
    if (!ReadPipeline()) return status_;
    if (!skip) RunPipeline();
    skip = false;
    if (*at_ == '\0') return status_;
    if (at_[0] == '&' && at_[1] == '&') {
      skip = status_ != 0;
      at_ += 2;
    } else if (at_[0] == '|' && at_[1] == '|') {
      skip = status_ == 0;
      at_ += 2;
    } else if (*at_ == ';' || *at_ == '\n') {
      ++at_;
    } else {
      Wrong("this shell runs nothing in the background");
      return status_;
    }
  }
  return status_;
}

int Interactive(Interpreter& shell, char* line) {
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  while (!shell.finished()) {
    if (isatty(STDIN_FILENO) != 0) WriteAll(STDERR_FILENO, "kiln# ", 6);
    size_t size = 0;
    // A byte at a time: what follows the line is for the command it starts.
    for (;;) {
      const ssize_t count = read(STDIN_FILENO, line + size, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        line[size] = '\0';
        return size > 0 ? shell.Run(line) : shell.status();
      }
      if (line[size] == '\n' || size + 2 == kTextSize) break;
      ++size;
    }
    line[size] = '\0';
    shell.Run(line);
  }
  return shell.status();
}

}  // namespace

int Shell(int argc, char** argv) {
  static Interpreter shell;
  static char text[kTextSize];
  if (argc > 2 && strcmp(argv[1], "-c") == 0) {
    shell.Arguments(argc - 3, argv + 3);
    return shell.Run(argv[2]);
  }
  if (argc > 1 && argv[1][0] != '-') {
    const ssize_t size = agent::ReadSmallFile(AT_FDCWD, argv[1], text, sizeof(text));
    if (size < 0) return 126 + Complain("sh", argv[1], errno);
    if (static_cast<size_t>(size) + 1 == sizeof(text))
      return Complain("sh", "a script of more than 64 KiB", 0);
    shell.Arguments(argc - 1, argv + 1);
    return shell.Run(text);
  }
  return Interactive(shell, text);
}

}  // namespace kiln::box
