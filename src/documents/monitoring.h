// What the documents say of watching: who is told, of what, and with which secrets. Pure.
#pragma once

#include "documents/facts.h"

namespace documents {

// The strategy's section.
void write_monitoring(const Facts& facts, Document& document);

// A secret that alerts need: what it is for, where it is kept, where a new one is made.
struct AlertSecret {
  std::string what;
  std::string kept;
  std::string made;
};
std::vector<AlertSecret> alert_secrets(const policy::Monitor& monitor);

}  // namespace documents
