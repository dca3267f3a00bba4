#include "policy/json_schema.h"

#include "base/json.h"
#include "policy/schema.h"

namespace policy {

namespace {

using base::Json;

constexpr const char* duration_pattern = "^[0-9]+[smhdwy]$";

constexpr const char* key_pattern =
    "^(env:[A-Za-z_]|file:/|aws-kms:|vault:.+/|alias/|arn:aws|mrk-|[0-9a-fA-F]{8}-)";

Json describe(const Field& field);

Json section(const std::vector<Field>& fields) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : fields) {
    properties[field.name] = describe(field);
    if (field.required) required.push_back(field.name);
  }
  Json schema{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

Json text(std::string_view pattern) { return {{"type", "string"}, {"pattern", pattern}}; }

// The value that YAML reads from this text, for `default` and `enum`.
Json value_of(const Field& field, const std::string& as_written) {
  const bool quoted = field.type != FieldType::integer && field.type != FieldType::boolean;
  return quoted ? Json(as_written) : base::parse_json(as_written, field.name);
}

Json one_of(const Field& field) {
  Json values = Json::array();
  for (const Choice& choice : field.choices) {
    if (choice.carried) values.push_back(value_of(field, choice.value));
  }
  return {{"enum", values}};
}

Json shape(const Field& field) {
  switch (field.type) {
    case FieldType::section:
      return section(field.fields);
    case FieldType::tiers:
      return {{"type", "object"},
              {"minProperties", 1},
              {"propertyNames", {{"pattern", identifier_pattern(field)}}},
              {"additionalProperties", section(field.fields)}};
    case FieldType::sections:
      return {{"type", "array"}, {"items", section(field.fields)}};
    case FieldType::patterns:
      return {{"type", "array"}, {"items", text("^[^.].*\\..+$")}};
    case FieldType::text:
      return {{"type", "string"}, {"minLength", 1}};
    case FieldType::identifier:
      return text(identifier_pattern(field));
    case FieldType::integer:
      return {{"type", "integer"}, {"minimum", field.least}, {"maximum", field.most}};
    case FieldType::boolean:
      return field.choices.empty() ? Json{{"type", "boolean"}} : one_of(field);
    case FieldType::choice:
      return one_of(field);
    case FieldType::duration:
    case FieldType::every:
      return text(duration_pattern);
    case FieldType::at:
      return text("^((Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?([01][0-9]|2[0-3]):[0-5][0-9]$");
    case FieldType::zone:
      return text("^[A-Za-z0-9_+/-]+$");
    case FieldType::place:
      return text("^(file:///.+|s3://[a-z0-9.-]{3,63}(/.*)?)$");
    case FieldType::endpoint:
      return text("^https?://[^@?#]+$");
    case FieldType::key:
      return text(key_pattern);
    case FieldType::keys:
      return {{"type", "array"}, {"items", text(key_pattern)}};
    case FieldType::connection:
      return text("^(postgres(ql)?://|env:[A-Za-z_]|file:/)");
    case FieldType::path:
      return text("^/");
    case FieldType::texts:
      return {{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}};
    case FieldType::secret:
      return text("^(env:[A-Za-z_]|file:/)");
    case FieldType::listen:
      return text("^.+:[0-9]{1,5}$");
    case FieldType::size:
      return text("^[0-9]+(kB|MB|GB|TB|KiB|MiB|GiB|TiB)$");
  }
  return Json::object();
}

Json describe(const Field& field) {
  Json schema{{"description", field.doc}};
  if (!field.carried) {
    schema["description"] = field.doc + " Not carried by this build yet.";
    schema["not"] = Json::object();
    return schema;
  }
  schema.update(shape(field));
  if (!field.default_value.empty()) schema["default"] = value_of(field, field.default_value);
  return schema;
}

}  // namespace

std::string json_schema() {
  Json whole{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
             {"$id", "seawall.schema.json"},
             {"title", "seawall policy"}};
  whole.update(describe(schema()));
  return whole.dump(2) + "\n";
}

}  // namespace policy
