#pragma once

#include <perdure/detail/json.hpp>
#include <perdure/detail/json_forms.hpp>

#include <cereal/cereal.hpp>

#include <cstddef>
#include <limits>
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

/// Reads values from JSON. One archive reads one payload, which must outlive it.
class json_input final : public cereal::InputArchive<json_input, cereal::AllowEmptyClassElision>,
                         public cereal::traits::TextArchive {
    using base = cereal::InputArchive<json_input, cereal::AllowEmptyClassElision>;

  public:
    explicit json_input(const payload& stored) : base(this), in_(stored) {}

    /// What a `serialize` function calls.
    template <class... Parts>
    json_input& operator()(Parts&&... parts) {
        (read_part(parts), ...);
        return *this;
    }
    template <class Part>
    json_input& operator&(Part&& part) {
        return (*this)(std::forward<Part>(part));
    }
    template <class Part>
    json_input& operator>>(Part&& part) {
        return (*this)(std::forward<Part>(part));
    }

    template <class T>
    void read(T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            value = in_.flag();
        } else if constexpr (std::is_enum_v<T>) {
            value = static_cast<T>(read_new<std::underlying_type_t<T>>());
        } else if constexpr (std::is_integral_v<T>) {
            using limits = std::numeric_limits<T>;
            if constexpr (std::is_signed_v<T>) {
                value = static_cast<T>(in_.integer(limits::min(), limits::max()));
            } else {
                value = static_cast<T>(in_.integer(limits::max()));
            }
        } else if constexpr (std::is_same_v<T, float>) {
            value = in_.small_number();
        } else if constexpr (std::is_floating_point_v<T>) {
            value = static_cast<T>(in_.number());
        } else if constexpr (std::is_same_v<T, std::string>) {
            value = in_.text();
        } else if constexpr (is_duration<T>) {
            value = T(read_new<typename T::rep>());
        } else if constexpr (is_time_point<T>) {
            value = T(read_new<typename T::duration>());
        } else {
            read_composite(value);
        }
    }

  private:
    template <class T>
    T read_new() {
        static_assert(std::is_default_constructible_v<T>,
                      "a type that is read from JSON needs a default constructor");
        T value{};
        read(value);
        return value;
    }

    template <class T>
    void read_part(T& part) {
        if constexpr (is_a<cereal::NameValuePair, std::remove_const_t<T>>) {
            read_member(part.name, part.value);
        } else if constexpr (is_a<cereal::SizeTag, std::remove_const_t<T>>) {
            in_.expect_array();
            part.size = static_cast<std::remove_reference_t<decltype(part.size)>>(in_.size());
        } else if constexpr (std::is_base_of_v<cereal::traits::detail::BaseCastBase, T>) {
            base::operator()(part);
        } else {
            in_.enter_unnamed();
            read(part);
            in_.leave();
        }
    }

    template <class T>
    void read_member(const char* name, T& value) {
        if (in_.enter_member(name)) {
            read(value);
            in_.leave();
        } else if constexpr (is_a<std::optional, T>) {
            value.reset();
        } else if (std::string_view(name) == "cereal_class_version") {
            // Whoever writes without cereal writes the first version.
            value = T{};
        } else {
            in_.fail_missing(name);
        }
    }

    template <class T>
    void read_composite(T& value) {
        if constexpr (is_a<std::optional, T>) {
            if (in_.is_null()) {
                value.reset();
            } else {
                value = read_new<typename T::value_type>();
            }
        } else if constexpr (std::is_same_v<T, std::monostate>) {
            if (!in_.is_null()) {
                in_.fail_wanted("null");
            }
        } else if constexpr (is_a<std::variant, T>) {
            read_variant(value);
        } else if constexpr (is_row<T>) {
            read_row(value);
        } else if constexpr (std::is_array_v<T>) {
            expect_size(std::extent_v<T>);
            for (auto& element : value) {
                read_next(element);
            }
        } else if constexpr (growing<T>) {
            read_elements(value);
        } else {
            read_class(value);
        }
    }

    template <class T>
    void read_next(T& element) {
        static_cast<void>(in_.enter_next());
        read(element);
        in_.leave();
    }

    void expect_size(std::size_t size) {
        in_.expect_array();
        if (in_.size() != size) {
            in_.fail_wanted("an array of " + std::to_string(size) + " elements");
        }
    }

    template <class T>
    void read_row(T& value) {
        expect_size(std::tuple_size_v<T>);
        std::apply([this](auto&... elements) { (this->read_next(elements), ...); }, value);
    }

    template <class T>
    void read_elements(T& values) {
        values.clear();
        if constexpr (map_by_text<T>) {
            in_.expect_object();
            while (in_.enter_next()) {
                std::string key = in_.name();
                values.insert_or_assign(std::move(key), read_new<typename T::mapped_type>());
                in_.leave();
            }
        } else {
            in_.expect_array();
            while (in_.enter_next()) {
                if constexpr (map_like<T>) {
                    // The key of a map's element is const.
                    using key_type = typename T::key_type;
                    values.insert(values.end(),
                                  read_new<std::pair<key_type, typename T::mapped_type>>());
                } else {
                    values.insert(values.end(), read_new<typename T::value_type>());
                }
                in_.leave();
            }
        }
    }

    template <class T>
    void read_variant(T& value) {
        in_.expect_object();
        std::size_t index = 0;
        read_member("index", index);
        if (!in_.enter_member("value")) {
            in_.fail_missing("value");
        }
        if (!read_alternative(value, index, std::make_index_sequence<std::variant_size_v<T>>())) {
            in_.fail_wanted("a value with an index below " +
                            std::to_string(std::variant_size_v<T>));
        }
        in_.leave();
    }

    template <class T, std::size_t... Indexes>
    bool read_alternative(T& value, std::size_t index, std::index_sequence<Indexes...>) {
        const auto read_if = [&]<std::size_t Index>(std::integral_constant<std::size_t, Index>) {
            if (index != Index) {
                return false;
            }
            value.template emplace<Index>(read_new<std::variant_alternative_t<Index, T>>());
            return true;
        };
        return (read_if(std::integral_constant<std::size_t, Indexes>()) || ...);
    }

    template <class T>
    void read_class(T& value) {
        static_assert(has_json_form<T>,
                      "this type has no JSON form: give it a cereal function, for example\n"
                      "    template <class Archive>\n"
                      "    void serialize(Archive& archive) { archive(CEREAL_NVP(member)); }\n"
                      "or specialise perdure::codec for the type of the whole payload");
        if constexpr (has_json_form<T>) {
            if constexpr (!has_minimal_form<T>) {
                in_.expect_array_or_object();
            }
            base::operator()(value);
        }
    }

    json_reader in_;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
