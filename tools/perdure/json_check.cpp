#include "json_check.hpp"

#include <perdure/failure.hpp>

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace perdure::tool {

void check_json(const std::string& option, const std::string& text) {
    rapidjson::Reader reader;
    rapidjson::BaseReaderHandler<> ignore;
    rapidjson::StringStream stream(text.c_str());
    const auto result =
        reader.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag |
                     rapidjson::kParseFullPrecisionFlag>(stream, ignore);
    if (result.IsError()) {
        throw invalid_input(option + ": not JSON: " + rapidjson::GetParseError_En(result.Code()) +
                            " (at byte " + std::to_string(result.Offset()) +
                            "; --text takes text)");
    }
}

}  // namespace perdure::tool
