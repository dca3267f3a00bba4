// A program that prints credentials, as a profile's credential_process names it.
#pragma once

#include <string>
#include <vector>

#include "cloud/signing.h"

namespace cloud {

// The words of a command line: separated by spaces, with quotes and backslashes as a shell's, and
// nothing else of a shell. Throws invalid for a quote that does not end.
std::vector<std::string> split_words(std::string_view line);

// Runs it, without a shell, for at most a minute. What it prints is never repeated in a message.
// Throws denied when it fails, invalid, corrupt, cancelled.
Credentials credentials_by_process(const std::string& command_line, std::stop_token stop);

}  // namespace cloud
