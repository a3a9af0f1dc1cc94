use super::*;
use proptest::prelude::*;

fn names() -> Declared {
    Declared::new([
        ("caller.number", Type::Text),
        ("caller.withheld", Type::Bool),
        ("customer.value", Type::Number),
        ("customer.name", Type::Text),
        ("queue.support.waiting", Type::Number),
        ("queue.after-hours.waiting", Type::Number),
        ("time.hour", Type::Number),
        ("vars.friends", Type::Any),
        ("http.body.*", Type::Any),
    ])
}

fn scope(path: &str) -> Value {
    let body = serde_json::json!({
        "balance": 120.10, "code": "5", "name": "Łucja", "items": [{"price": 3}, {"price": 4.5}],
        "tags": ["gold", "late"], "deep": {"on": true}, "huge": "x".repeat(3000),
    });
    match path {
        "caller.number" => "+48221234567".into(),
        "caller.withheld" => false.into(),
        "customer.value" => 150.into(),
        "queue.support.waiting" => 3.into(),
        "queue.after-hours.waiting" => 0.into(),
        "time.hour" => 14.into(),
        "vars.friends" => Value::List(vec!["+48221234567".into()]),
        _ => path.strip_prefix("http.body.").map_or(Value::Nothing, |path| Value::of_json(&body, path)),
    }
}

fn evaluated(text: &str) -> String {
    match Expression::compile(text, &names()) {
        Ok(expression) => match expression.evaluate(&scope) {
            Ok(value) => serde_json::to_string(&value).expect("plain data"),
            Err(failure) => format!("failed: {failure}"),
        },
        Err(mistakes) => {
            let list: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {mistake}", mistake.column)).collect();
            list.join(" | ")
        }
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(evaluated(text), expected, "{text}");
}

#[test]
fn expressions_mean_what_they_say() {
    for (text, expected) in [
        ("customer.value >= 100 and time.hour < 17", r#"{"bool":true}"#),
        ("not caller.withheld or false", r#"{"bool":true}"#),
        ("true or false and false", r#"{"bool":true}"#),
        ("(true or false) and false", r#"{"bool":false}"#),
        ("not true == false", r#"{"bool":true}"#),
        ("1 + 2 * 3 - 4 / 8", r#"{"number":"6.5"}"#),
        ("0.1 + 0.2 == 0.3", r#"{"bool":true}"#),
        ("2 - 3 - 4", r#"{"number":"-5"}"#),
        ("-(2 + 3) * -2", r#"{"number":"10"}"#),
        ("10 / 3", r#"{"number":"3.333333"}"#),
        ("queue.after-hours.waiting - 1", r#"{"number":"-1"}"#),
        ("http.body.balance - 0.1", r#"{"number":"120"}"#),
        ("http.body.items.1.price", r#"{"number":"4.5"}"#),
        ("'gold' in http.body.tags", r#"{"bool":true}"#),
        ("'lver' not in http.body.tags", r#"{"bool":true}"#),
        ("caller.number in vars.friends", r#"{"bool":true}"#),
        ("'4822' in caller.number", r#"{"bool":true}"#),
        ("time.hour in [13, 14]", r#"{"bool":true}"#),
        (r#""a" + 'b' + "\"\\""#, r#"{"text":"ab\"\\"}"#),
        ("http.body.deep.on", r#"{"bool":true}"#),
        ("last(caller.number, 3)", r#"{"text":"567"}"#),
        ("first(http.body.name, 2)", r#"{"text":"Łu"}"#),
        ("length(http.body.name) + length(http.body.tags)", r#"{"number":"7"}"#),
        ("starts_with(caller.number, '+48')", r#"{"bool":true}"#),
        ("digits(caller.number)", r#"{"text":"48221234567"}"#),
        ("number(http.body.code) > 4", r#"{"bool":true}"#),
        ("round(http.body.balance / 7, 2)", r#"{"number":"17.16"}"#),
        ("text(time.hour) + ':00'", r#"{"text":"14:00"}"#),
        ("max(min(5, 9), 2)", r#"{"number":"5"}"#),
        ("upper(trim(' ab '))", r#"{"text":"AB"}"#),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_is_absent_is_nothing() {
    for (text, expected) in [
        ("customer.name", r#""nothing""#),
        ("customer.name == nothing", r#"{"bool":true}"#),
        ("http.body.no.such.thing == nothing", r#"{"bool":true}"#),
        ("http.body.deep", r#""nothing""#),
        ("http.body.nothere >= 4", r#"{"bool":false}"#),
        ("http.body.nothere < 4", r#"{"bool":false}"#),
        ("not http.body.nothere", r#"{"bool":true}"#),
        ("http.body.nothere in [1]", r#"{"bool":false}"#),
        ("'x' in http.body.nothere", r#"{"bool":false}"#),
        ("default(customer.name, 'you')", r#"{"text":"you"}"#),
        ("empty(customer.name) and empty('') and not empty(caller.number)", r#"{"bool":true}"#),
        ("length(customer.name)", r#""nothing""#),
        ("number('twelve')", r#""nothing""#),
        ("http.body.nothere + 1", "failed: `+` does not fit between nothing and a number"),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_failure_is_told_without_the_values() {
    for (text, expected) in [
        ("http.body.code * 2", "failed: `*` does not fit between a text and a number"),
        ("http.body.code < 2", "failed: `<` does not fit between a text and a number"),
        ("http.body.code and true", "failed: a condition is true or false, not a text"),
        ("1 / (time.hour - 14)", "failed: a division by zero"),
        ("999999999999999999 * 999999999999999999", "failed: a number beyond 10^18"),
        ("1000000000000000000 + 1", "failed: a number beyond 10^18"),
        ("http.body.huge + http.body.huge", "failed: a text longer than 4096 bytes"),
        ("upper(http.body.items.0.price)", "failed: `upper` cannot be made of a number"),
    ] {
        check(text, expected);
    }
}

#[test]
fn mistakes_have_their_column_and_the_nearest_name() {
    for (text, expected) in [
        ("custmer.value > 1", "1: unknown name `custmer.value`; did you mean `customer.value`?"),
        (
            "time.hour > 1 and zzz == 2 or yyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
            "19: unknown name `zzz` | 31: unknown name `yyyyyyyyyyyyyyyyyyyyyyyyyyyyy`",
        ),
        ("http.body", "1: unknown name `http.body`"),
        ("caller.number > 5", "15: `>` stands between two numbers or two texts, not between a text and a number"),
        ("caller.number == 5", "15: `==` compares a text with a number: they are never equal"),
        ("1 and true", "3: `and` stands between conditions, and this is a number"),
        (
            "'a' + 1",
            "5: `+` stands between two numbers or two texts, not between a text and a number; `text(...)` makes a text of a number",
        ),
        ("not 5", "1: `not` wants true or false, not a number"),
        ("1 in 2", "3: `in` looks for a value in a list or for a text in a text, not for a number in a number"),
        ("1 < time.hour < 3", "15: comparisons do not chain: write `a < b and b < c`"),
        ("time.hour = 3", "11: `=` is written `==` here"),
        ("true && false", "6: `&&` is written `and` here"),
        ("!true", "1: `!` is written `not` here"),
        ("null == 1", "1: `null` is written `nothing` here"),
        ("uper('a')", "1: unknown function `uper`; did you mean `upper`?"),
        ("upper", "1: `upper` is a function: its values follow in parentheses"),
        ("upper('a', 'b')", "1: `upper` takes one value, not 2"),
        ("upper(5)", "1: `upper` wants a text, not a number"),
        ("", "1: this is empty, where an expression is wanted"),
        ("(1 + 2", "7: `)` is wanted here, not the end"),
        ("1 + 2)", "6: `)` closes nothing"),
        ("1 +", "4: a value is wanted here, not the end"),
        ("1 2", "3: the expression should end before `2`, or a word is missing"),
        ("'open", "1: this text has no end: its closing quote is missing"),
        ("'a\\q'", "3: after `\\` comes `\\`, a quote or `n`"),
        ("ż + 1", "1: unknown name `ż`"),
        ("12x", "1: `12x` is not a number: digits with at most six after the point, such as 12 or 3.50"),
        ("time.hour @ 2", "11: `@` has no meaning here"),
        ("true not 3", "10: `in` is wanted here, not `3`"),
    ] {
        check(text, expected);
    }
}

#[test]
fn an_expression_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    check(&nested(32), r#"{"number":"1"}"#);
    check(&nested(33), "34: nested deeper than 32");
    check(&"not ".repeat(200), "133: nested deeper than 32");
    assert!(evaluated(&format!("1{}", "+1".repeat(200))).contains("more than 256"));
    assert!(evaluated(&"1".repeat(1001)).contains("longer than 1000"));
    let many = Expression::compile(&vec!["http.body.tags in [1]"; 20].join(" or "), &names()).expect("an expression");
    let large = Value::List(vec![Value::Nothing; MAX_LIST]);
    assert_eq!(many.evaluate(&|_: &str| large.clone()), Err(Failure("it takes more than 4096 steps".to_string())));
}

#[test]
fn only_what_can_be_right_passes_where_a_type_is_wanted() {
    let compiled = |text, wanted| Expression::compile_as(text, &names(), wanted).map_err(|list| list[0].to_string());
    assert!(compiled("time.hour > 3", Type::Bool).is_ok());
    assert!(compiled("http.body.vip", Type::Bool).is_ok());
    assert_eq!(compiled("time.hour", Type::Bool), Err("this is a number, where true or false is wanted".to_string()));
}

#[test]
fn templates_are_rendered_and_their_mistakes_are_placed() {
    let check = |text: &str, expected: &str| {
        let rendered = match Template::compile(text, &names()) {
            Ok(template) => template.render(&scope).unwrap_or_else(|failure| format!("failed: {failure}")),
            Err(list) => list.iter().map(|mistake| format!("{}: {mistake}", mistake.column)).collect::<Vec<_>>().join(" | "),
        };
        assert_eq!(rendered, expected, "{text}");
    };
    check("plain { text }", "plain { text }");
    check("", "");
    check("{{ time.hour }} o'clock, {{ http.body.balance }} PLN", "14 o'clock, 120.1 PLN");
    check("{{ '}}' + \"{{\" }}", "}}{{");
    check("a {{ customer.name }}", "failed: `customer.name` is nothing, not a text");
    check("a {{ http.body.tags }}", "failed: `http.body.tags` is a list, not a text");
    check(
        "ż {{ tme.hour }} {{ 1 + }}",
        "6: unknown name `tme.hour`; did you mean `time.hour`? | 25: a value is wanted here, not the end",
    );
    check("a {{ 1", "3: `{{` has no `}}`");
}

#[test]
fn a_template_of_one_expression_is_its_value_and_a_rendered_value_can_be_escaped() {
    let one = Template::compile("{{ customer.value }}", &names()).expect("a template");
    assert_eq!((one.value(&scope), one.kind()), (Ok(150.into()), Type::Number));
    let address = Template::compile("https://crm/{{ http.body.q }}", &names()).expect("a template");
    let slash = |path: &str| if path == "http.body.q" { "a/b".into() } else { Value::Nothing };
    assert_eq!(address.render_with(&slash, &|text| text.replace('/', "%2F")), Ok("https://crm/a%2Fb".to_string()));
    assert_eq!(address.beginning(), "https://crm/");
}

#[test]
fn a_missing_skill_meets_no_comparison() {
    let skills = Declared::new([("*", Type::Number)]);
    let met = |text: &str| {
        let requirement = Requirement::compile(text, &skills).expect("a requirement");
        requirement.met_by(&|skill| match skill {
            "english" => Some(4),
            "mac-os" => Some(1),
            "linux" => Some(2),
            _ => None,
        })
    };
    for (text, expected) in [
        ("english >= 4 and (mac-os >= 2 or linux >= 2)", true),
        ("english > 4", false),
        ("4 <= english", true),
        ("french < 3", false),
        ("french == 0", false),
        ("french != 3", false),
        ("not french", true),
        ("mac-os and linux", true),
    ] {
        assert_eq!(met(text), expected, "{text}");
    }
}

#[test]
fn a_requirement_is_skills_and_levels_and_nothing_else() {
    let skills = Declared::new([("english", Type::Number), ("linux", Type::Number)]);
    let told = |text: &str| match Requirement::compile(text, &skills) {
        Ok(requirement) => requirement.to_string(),
        Err(list) => format!("{}: {}", list[0].column, list[0]),
    };
    assert_eq!(
        told("english>=4 and linux>1 and (english or not linux == 3)"),
        "english >= 4 and linux > 1 and (english >= 1 or not linux == 3)"
    );
    assert_eq!(told("englsh >= 4"), "1: unknown name `englsh`; did you mean `english`?");
    assert_eq!(told("english >= 4.5"), "1: a level is a whole number from 0 to 255, not 4.5");
    for wrong in ["english + 1 > 2", "1 > 2", "true", "english > linux", "english in [1]", "upper('a') == 'A'"] {
        assert_eq!(
            told(wrong),
            "1: skills are asked for by comparing them with a level (`english >= 4`), joined by `and`, `or` and `not`"
        );
    }
}

#[test]
fn expressions_survive_being_written_down() {
    let expression = Expression::compile("customer.value + 0.25 > 3 and last(caller.number, 1) in ['1', '7']", &names());
    let expression = expression.expect("an expression");
    let text = serde_json::to_string(&expression).expect("plain data");
    assert_eq!(serde_json::from_str::<Expression>(&text).expect("the same data"), expression);
}

fn anything() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "time.hour",
        "caller.number",
        "http.body.x",
        "zzz",
        "1",
        "2.5",
        "'a'",
        "\"",
        "'",
        "\\",
        "(",
        ")",
        "[",
        "]",
        ",",
        "and",
        "or",
        "not",
        "in",
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "upper",
        "default(",
        "nothing",
        "true",
        "{{",
        "}}",
        " ",
        "ż",
        "9999999999999999",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.join(" "))
}

/// A sum written with every parenthesis, and what it makes in hundredths.
fn sums() -> impl Strategy<Value = (String, i128)> {
    let leaf = (-999_i128..999).prop_map(|n| {
        let sign = if n < 0 { "-" } else { "" };
        (format!("{sign}{}.{:02}", n.abs() / 100, n.abs() % 100), n)
    });
    leaf.prop_recursive(5, 60, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|((a, x), (b, y), plus)| {
            if plus { (format!("({a} + {b})"), x + y) } else { (format!("({a} - {b})"), x - y) }
        })
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_an_expression_or_a_placed_mistake(text in prop_oneof![anything(), any::<String>()]) {
        let length = u32::try_from(text.chars().count()).expect("short");
        match Expression::compile(&text, &names()) {
            Ok(expression) => { let _ = expression.evaluate(&scope); }
            Err(list) => {
                prop_assert!(!list.is_empty());
                for mistake in list {
                    prop_assert!((1..=length + 1).contains(&mistake.column), "{mistake:?}");
                }
            }
        }
        if let Ok(template) = Template::compile(&text, &names()) {
            let _ = template.render(&scope);
        }
        let _ = Requirement::compile(&text, &names());
    }

    #[test]
    fn sums_are_exact((text, hundredths) in sums()) {
        prop_assume!(text.len() <= MAX_SOURCE);
        let value = Expression::compile(&text, &names()).map(|e| e.evaluate(&scope));
        // Very deep ones may be refused; what is accepted is right.
        if let Ok(value) = value {
            prop_assert_eq!(value, Ok(Value::Number(Number::from_millionths(hundredths * 10_000).expect("small"))));
        }
    }

    #[test]
    fn a_number_reads_as_it_prints(millionths in -1_000_000_000_000_000_000_000_000_i128..=1_000_000_000_000_000_000_000_000) {
        let number = Number::from_millionths(millionths).expect("within the bounds");
        prop_assert_eq!(number.to_string().parse::<Number>(), Ok(number));
    }
}
