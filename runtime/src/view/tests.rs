//! What is rendered, and what is said of what can't be.

use serde_json::json;

use super::*;

impl Views {
    fn rendered(&self, name: &str, variables: Value) -> Result<String, ViewError> {
        self.render(name, variables, Given::default())
    }
}

fn views(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Views, ViewError>) {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let views = Views::load(directory.path().to_path_buf(), None);
    (directory, views)
}

#[test]
fn a_view_is_rendered_in_the_layout_with_partials_and_escapes() {
    let (_directory, views) = views(&[
        ("layout.hbs", "<title>{{title}}</title>{{{content}}}"),
        ("posts/show.hbs", "<p>{{title}}</p>{{> posts/note}}"),
        ("posts/note.hbs", "<i>{{note}}</i>"),
    ]);
    let rendered = views
        .unwrap()
        .rendered("posts/show", json!({ "title": "<b>", "note": "n" }));
    assert_eq!(rendered.unwrap(), "<title>&lt;b&gt;</title><p>&lt;b&gt;</p><i>n</i>");
}

#[test]
fn a_token_is_the_same_wherever_it_stands_and_names_do_not_clash() {
    let (_directory, views) = views(&[
        (
            "list.hbs",
            "{{#each items}}{{name}}={{csrf_token}};{{> form name=\"x\"}}{{/each}}{{#if csrf_token}}!{{/if}}",
        ),
        ("form.hbs", "<{{csrf_token}}>"),
        (
            "layout.hbs",
            "{{#each flashes}}{{kind}}: {{text}}|{{/each}}{{{content}}}",
        ),
    ]);
    let views = views.unwrap();
    let both = Uses {
        csrf_token: true,
        flashes: true,
    };
    assert_eq!((views.uses("list"), views.uses("missing").csrf_token), (both, false));
    let given = || Given {
        csrf_token: Some("t".to_owned()),
        flashes: Some(json!([{ "kind": "info", "text": "<b>" }])),
    };
    let rendered = views.render("list", json!({ "items": [{ "name": "a" }, { "name": "b" }] }), given());
    assert_eq!(rendered.unwrap(), "info: &lt;b&gt;|a=t;<t>b=t;<t>!");
    assert_eq!(
        views.render("form", Value::Null, given()).unwrap(),
        "info: &lt;b&gt;|<t>"
    );
    let taken = views.render("list", json!({ "flashes": [] }), given()).unwrap_err();
    assert!(matches!(taken, ViewError::Taken { name: "flashes" }));
    let no_object = views.render("list", json!([1]), given()).unwrap_err();
    assert!(matches!(no_object, ViewError::NoObject));
}

#[test]
fn without_a_layout_a_view_stands_alone() {
    let (_directory, views) = views(&[("a.hbs", "{{x}}")]);
    assert_eq!(views.unwrap().rendered("a", json!({ "x": 1 })).unwrap(), "1");
}

#[test]
fn a_change_is_noticed_and_a_broken_one_keeps_the_old() {
    let directory = tempfile::tempdir().unwrap();
    let template = directory.path().join("a.hbs");
    std::fs::write(&template, "one").unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let watcher: Watcher = Arc::new(move |error| {
        let place = error.and_then(ViewError::place).map(|(_, line, _)| line);
        tell.lock().unwrap().push(place);
    });
    let views = Views::load(directory.path().to_path_buf(), Some(watcher)).unwrap();
    views.reload();
    assert!(told.lock().unwrap().is_empty(), "nothing has changed");
    std::fs::write(&template, "second").unwrap();
    views.reload();
    assert_eq!(views.rendered("a", json!({})).unwrap(), "second");
    std::fs::write(&template, "\n{{#if}").unwrap();
    for _ in 0..2 {
        views.reload();
        assert_eq!(views.rendered("a", json!({})).unwrap(), "second");
    }
    std::fs::write(&template, "the third").unwrap();
    views.reload();
    assert_eq!(views.rendered("a", json!({})).unwrap(), "the third");
    assert_eq!(*told.lock().unwrap(), [None, Some(2), None], "each change is told once");
}

#[test]
fn what_is_missing_is_named_with_its_path() {
    let (directory, views) = views(&[]);
    let error = views.unwrap().rendered("a/b", json!({})).unwrap_err().to_string();
    let path = directory.path().join("a/b.hbs");
    assert_eq!(
        error,
        format!("there is no view `a/b`: {} does not exist", path.display())
    );
}

#[test]
fn a_controller_names_its_view() {
    assert_eq!(default_name(Some("controllers::posts::show")).unwrap(), "posts/show");
    assert_eq!(
        default_name(Some("controllers::admin::users::show")).unwrap(),
        "admin/users/show"
    );
    assert_eq!(default_name(Some("pages::about")).unwrap(), "pages/about");
    assert!(matches!(default_name(None), Err(ViewError::Nameless)));
}
