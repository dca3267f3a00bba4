// Reads what a database needs that is not in it, and makes it again elsewhere.
#pragma once

#include "postgres/connection.h"
#include "repository/dump_globals.h"

namespace layers {

// All roles but the predefined ones. `with_passwords` needs a superuser: throws denied.
repository::Globals read_globals(postgres::Connection& connection, bool with_passwords);
repository::DatabaseSettings read_database_settings(postgres::Connection& connection);

// Statements that make the roles of `globals` that are not among `present`, and what they are
// members of. A server where we are no superuser gets them without the attributes that only one may
// give.
std::vector<std::string> role_statements(const repository::Globals& globals,
                                         const std::vector<std::string>& present,
                                         bool as_superuser);

// Statements that give the database `name` its owner, privileges and settings.
std::vector<std::string> database_statements(const repository::DatabaseSettings& settings,
                                             const std::string& name, const std::string& owner);

}  // namespace layers
