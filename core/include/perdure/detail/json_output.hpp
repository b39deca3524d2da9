#pragma once

#include <perdure/detail/json.hpp>
#include <perdure/detail/json_forms.hpp>

#include <cereal/cereal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace perdure {
inline namespace v1 {
namespace detail {

/// Writes values as JSON. One archive writes one value.
class json_output final : public cereal::OutputArchive<json_output, cereal::AllowEmptyClassElision>,
                          public cereal::traits::TextArchive {
    using base = cereal::OutputArchive<json_output, cereal::AllowEmptyClassElision>;

  public:
    json_output() : base(this) {}

    /// What a `serialize` function calls.
    template <class... Parts>
    json_output& operator()(Parts&&... parts) {
        (write_part(parts), ...);
        return *this;
    }
    template <class Part>
    json_output& operator&(Part&& part) {
        return (*this)(std::forward<Part>(part));
    }
    template <class Part>
    json_output& operator<<(Part&& part) {
        return (*this)(std::forward<Part>(part));
    }

    template <class T>
    void write(const T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            out_.value(value);
        } else if constexpr (std::is_enum_v<T>) {
            write(static_cast<std::underlying_type_t<T>>(value));
        } else if constexpr (std::is_integral_v<T>) {
            using widest = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
            out_.value(static_cast<widest>(value));
        } else if constexpr (std::is_floating_point_v<T>) {
            out_.value(static_cast<carried<T>>(value));
        } else if constexpr (std::is_same_v<T, std::string>) {
            out_.value(std::string_view(value));
        } else if constexpr (is_duration<T>) {
            write(value.count());
        } else if constexpr (is_time_point<T>) {
            write(value.time_since_epoch().count());
        } else {
            write_composite(value);
        }
    }

    [[nodiscard]] payload take() { return out_.take(); }

  private:
    template <class T>
    void write_part(const T& part) {
        if constexpr (is_a<cereal::NameValuePair, T>) {
            out_.name(part.name);
            write(part.value);
        } else if constexpr (is_a<cereal::SizeTag, T>) {
            out_.choose_array();
        } else if constexpr (std::is_base_of_v<cereal::traits::detail::BaseCastBase, T>) {
            // The members of a base class are members of the object.
            base::operator()(part);
        } else {
            write(part);
        }
    }

    template <class T>
    void write_composite(const T& value) {
        if constexpr (is_a<std::optional, T>) {
            if (value) {
                write(*value);
            } else {
                out_.null();
            }
        } else if constexpr (std::is_same_v<T, std::monostate>) {
            out_.null();
        } else if constexpr (is_a<std::variant, T>) {
            write_variant(value);
        } else if constexpr (is_row<T>) {
            out_.open_array();
            std::apply([this](const auto&... elements) { (this->write(elements), ...); }, value);
            out_.close();
        } else if constexpr (std::is_array_v<T>) {
            write_elements<std::remove_extent_t<T>>(value);
        } else if constexpr (map_by_text<T>) {
            out_.open_object();
            for (const auto& [key, element] : value) {
                out_.name(key);
                write(element);
            }
            out_.close();
        } else if constexpr (growing<T>) {
            write_elements<typename T::value_type>(value);
        } else {
            write_class(value);
        }
    }

    template <class Element, class Elements>
    void write_elements(const Elements& elements) {
        out_.open_array();
        for (auto&& element : elements) {
            // Named, because the elements of a vector<bool> are something else.
            write<Element>(element);
        }
        out_.close();
    }

    template <class T>
    void write_variant(const T& value) {
        if (value.valueless_by_exception()) {
            throw payload_error("cannot write a variant without a value as JSON");
        }
        out_.open_object();
        out_.name("index");
        write(value.index());
        out_.name("value");
        std::visit([this](const auto& chosen) { this->write(chosen); }, value);
        out_.close();
    }

    template <class T>
    void write_class(const T& value) {
        static_assert(has_json_form<T>,
                      "this type has no JSON form: give it a cereal function, for example\n"
                      "    template <class Archive>\n"
                      "    void serialize(Archive& archive) { archive(CEREAL_NVP(member)); }\n"
                      "or specialise perdure::codec for the type of the whole payload");
        if constexpr (!has_json_form<T>) {
            return;
        } else if constexpr (has_minimal_form<T>) {
            base::operator()(value);
        } else {
            out_.open_either();
            base::operator()(value);
            out_.close();
        }
    }

    json_writer out_;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
