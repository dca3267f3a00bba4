// Programs of others (pg_dump, postgres, ...), started without a shell.
#pragma once

#include <signal.h>

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file.h"

namespace base {

struct Command {
  std::vector<std::string> arguments;  // arguments[0] is the program, found by PATH
  std::map<std::string, std::string>
      environment;                    // added to ours; for secrets, which never go into arguments
  Path folder;                        // working folder; empty: ours
  int signal_at_our_death = SIGTERM;  // what the child gets when we are killed
  bool own_group = false;             // it leads a process group, so that its children end with it
  bool without_network = false;       // in a network that leads nowhere: see can_cut_off_network()
};

// A running child. Its standard input is empty; its output is read by whoever holds this.
// Destroyed while the child runs: it is told to end (SIGTERM, after 5 s SIGKILL) and waited for.
// It must not outlive the thread that started it: for the kernel, that thread's end is our death.
class Process {
 public:
  struct Streams {
    bool keep_output = true;  // a pipe to read; otherwise thrown away
    bool errors_to_output = false;
  };
  static Process start(const Command& command, Streams streams);
  static Process start(const Command& command) { return start(command, Streams{}); }
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  const File& output() const { return output_; }
  // The last 16 KiB that the child wrote to standard error.
  // Waits for the end. Exit code 0..255; 128 + signal when a signal ended it.
  int wait();
  std::string errors();
  void signal(int number);
  void signal_group(int number);  // of a child with own_group, and what it started
  bool running();

 private:
  Process(pid_t pid, File output, File errors)
      : pid_(pid), output_(std::move(output)), errors_(std::move(errors)) {}
  pid_t pid_ = -1;
  std::optional<int> exit_;
  File output_;
  File errors_;  // an unlinked file, so that a talkative child never blocks
};

struct Output {
  int exit_code;
  std::string output;
  std::string errors;
};

// Runs to the end and keeps what was printed, up to 64 MiB.
Output run(const Command& command);

// The same; throws unavailable with the program's own words when it does not end with 0.
std::string run_or_throw(const Command& command);

// Whether this kernel lets us start a child without_network. Sockets in the file system reach it
// all the same.
bool can_cut_off_network();

// The program's path, looked up along PATH; nothing when there is none.
std::optional<Path> find_program(const std::string& name);

}  // namespace base
