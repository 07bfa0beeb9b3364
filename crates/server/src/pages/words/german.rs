//! German.

use super::{
    Texts, Words,
    case::{Case, FormCase},
    words,
};

pub(super) const TEXTS: Texts = Texts {
    connect_title: "{connector} verbinden",
    error_title: "Fehler: {title}",
    asks: "{*app} möchte Ihr Konto bei {connector} in Ihrem Namen nutzen.",
    asks_unnamed: "Die App, die Ihnen diesen Link geschickt hat, möchte Ihr Konto bei {connector} in Ihrem Namen nutzen.",
    connected_now: "{*account} ist zurzeit verbunden.",
    connected_now_unnamed: "Zurzeit ist ein Konto verbunden.",
    same_account_only: "Melden Sie sich wieder mit demselben Konto an: Ein anderes wird nicht angenommen.",
    replaces: "Wenn Sie fortfahren, wird diese Verbindung ersetzt.",
    scopes_heading: "Das wird damit möglich",
    for_whom: "Für",
    sign_in_at: "Anmeldung bei",
    back_to: "Danach geht es zu",
    valid_until: "Gültig bis",
    optional: "(freiwillig)",
    where_to_find: "Wo Sie es finden (öffnet einen neuen Tab)",
    field_needed: "Diese Angabe wird gebraucht.",
    field_unfit: "Das sieht nicht richtig aus. Prüfen Sie, ob es vollständig kopiert wurde.",
    go_on: "Weiter",
    connect: "Verbinden",
    try_again: "Noch einmal versuchen",
    closing_provider: "Sie melden sich direkt bei {connector} an; {app} sieht Ihr Passwort nie. In Ihren Einstellungen dort können Sie den Zugriff jederzeit wieder entziehen.",
    closing_provider_unnamed: "Sie melden sich direkt bei {connector} an; die App sieht Ihr Passwort nie. In Ihren Einstellungen dort können Sie den Zugriff jederzeit wieder entziehen.",
    closing_key: "Ihre Eingabe wird verschlüsselt gespeichert und nur für Aufrufe bei {connector} verwendet; {app} sieht sie nie.",
    closing_key_unnamed: "Ihre Eingabe wird verschlüsselt gespeichert und nur für Aufrufe bei {connector} verwendet; die App sieht sie nie.",
    closing_nothing: "Dafür wird nichts von Ihnen gebraucht.",
    not_expected: "Wenn Sie das nicht erwartet haben, schließen Sie die Seite: Es geschieht nichts, bevor Sie fortfahren.",
    connected_title: "{connector} ist verbunden",
    done_title: "Hier ist alles erledigt",
    you_connected: "Sie haben {*account} verbunden.",
    missing_one: "Ein erbetenes Recht wurde nicht gewährt; etwas könnte deshalb nicht funktionieren:",
    missing_many: "{count} erbetene Rechte wurden nicht gewährt; einiges könnte deshalb nicht funktionieren:",
    close_page: "Sie können diese Seite schließen und zu {app} zurückkehren.",
    close_page_unnamed: "Sie können diese Seite schließen und zur App zurückkehren.",
    still_works: "{*account} funktioniert weiterhin.",
    still_works_unnamed: "Das bisher verbundene Konto funktioniert weiterhin.",
    what_to_do: "Was Sie tun können",
    connecting: "Verbindung mit {connector}.",
    status_page: "Nachsehen, ob es bei {connector} eine Störung gibt (öffnet einen neuen Tab)",
    reference: "Wenn Sie um Hilfe bitten, nennen Sie diese Kennung:",
    powered_by: "Bereitgestellt mit Valetkey",
    support: "Hilfe",
    privacy: "Datenschutz",
    choose_language: "Sprache",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};

const ASK_FOR_NEW_LINK: &str =
    "Gehen Sie zurück zur App, die Sie hierher geschickt hat, und bitten Sie um einen neuen Link.";
const TELL_THE_APP: &str = "Das liegt nicht an Ihnen. Sagen Sie den Betreibern der App Bescheid; mit der Kennung unten finden sie die Ursache.";
const TRY_IN_A_MOMENT: &str = "Warten Sie einen Moment und versuchen Sie es noch einmal. Wenn es dabei bleibt, sagen Sie den Betreibern der App Bescheid.";
const TRY_AGAIN: &str =
    "Versuchen Sie es noch einmal. Wenn es dabei bleibt, sagen Sie den Betreibern der App Bescheid.";

pub(super) const fn failure(case: Case) -> Words {
    match case {
        Case::LinkInvalid => words(
            "Dieser Link ist ungültig",
            "Die Adresse ist unvollständig oder wurde nie ausgegeben.",
            "Prüfen Sie, ob Sie den ganzen Link geöffnet haben. Wenn ja, gehen Sie zurück zur App und bitten Sie um einen neuen.",
        ),
        Case::LinkExpired => words(
            "Dieser Link ist abgelaufen",
            "Links gelten eine begrenzte Zeit, und die dieses Links ist vorbei.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkUsed => words(
            "Dieser Link wurde schon benutzt",
            "Jeder Link gilt nur einmal.",
            "Wenn Ihr Konto noch nicht verbunden ist, gehen Sie zurück zur App und bitten Sie um einen neuen Link.",
        ),
        Case::LinkWithdrawn => words(
            "Dieser Link wurde zurückgezogen",
            "Das Konto wurde getrennt, nachdem der Link entstanden war; er verbindet es deshalb nicht wieder.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkOtherBrowser => words(
            "Dieser Link wurde in einem anderen Browser geöffnet",
            "Ein Link gehört zu dem Browser, in dem er zuerst benutzt wurde.",
            "Machen Sie in jenem Browser weiter, oder bitten Sie die App um einen neuen Link.",
        ),
        Case::FormExpired => words(
            "Bitte öffnen Sie den Link noch einmal",
            "Die Seite war zu lange offen, oder dieser Browser hat ihr Cookie nicht behalten.",
            "Erlauben Sie Cookies für diese Website, öffnen Sie den Link erneut und wiederholen Sie den Schritt.",
        ),
        Case::ConnectionDisabled => {
            words("Diese Verbindung ist abgeschaltet", "Ihre Betreiber haben sie angehalten.", TELL_THE_APP)
        }
        Case::ConnectionNotSetUp => words(
            "Diese Verbindung ist noch nicht eingerichtet",
            "Die App ist beim Anbieter noch nicht vollständig eingerichtet.",
            TELL_THE_APP,
        ),
        Case::AccessDenied => words(
            "Der Zugriff wurde nicht erlaubt",
            "Sie oder eine Regel Ihrer Organisation haben abgelehnt. Es wurde nichts verbunden.",
            "Wenn Sie nicht ablehnen wollten, versuchen Sie es noch einmal und erlauben Sie den Zugriff. Hat Ihre Organisation abgelehnt, fragen Sie deren Administration.",
        ),
        Case::StateMissing => words(
            "Es fehlt etwas",
            "Diese Seite wurde ohne die Antwort geöffnet, die zu ihr gehört.",
            "Beginnen Sie noch einmal mit dem Link in der App.",
        ),
        Case::StateUnknown => words(
            "Diese Antwort gehört zu keiner Anfrage",
            "Sie wurde unterwegs verändert oder kommt nicht von hier.",
            ASK_FOR_NEW_LINK,
        ),
        Case::StateExpired => words(
            "Das hat zu lange gedauert",
            "Die Anmeldung muss innerhalb von zehn Minuten abgeschlossen sein.",
            "Beginnen Sie noch einmal; es dauert nur einen Moment.",
        ),
        Case::StateReused => words(
            "Diese Seite wurde schon benutzt",
            "Sie wurde neu geladen oder ein zweites Mal geöffnet. Was verbunden war, bleibt verbunden.",
            "Wenn Ihr Konto nicht verbunden ist, gehen Sie zurück zur App und bitten Sie um einen neuen Link.",
        ),
        Case::BrowserMismatch => words(
            "Ein anderer Browser oder kein Cookie",
            "Alle Schritte müssen in einem Browser geschehen, und dieser hat das Cookie des ersten Schritts nicht mitgebracht.",
            "Erlauben Sie Cookies für diese Website, öffnen Sie den Link noch einmal und machen Sie alles in einem Browser.",
        ),
        Case::IssuerMismatch => words(
            "Die Antwort kam von der falschen Stelle",
            "Sie kam nicht von dem Dienst, der gefragt wurde. Zur Sicherheit wurde nichts verbunden.",
            TELL_THE_APP,
        ),
        Case::CodeMissing => words(
            "Die Antwort war unvollständig",
            "Der Dienst hat Sie ohne den Code zurückgeschickt, der Ihr Konto verbindet.",
            TRY_AGAIN,
        ),
        Case::IdentityChanged => words(
            "Sie haben sich mit einem anderen Konto angemeldet",
            "Die App bleibt bei dem Konto, das Sie zuerst verbunden haben; das jetzige ist ein anderes.",
            "Versuchen Sie es noch einmal und melden Sie sich mit dem bisher verbundenen Konto an. Wollen Sie ein anderes nutzen, sagen Sie es der App.",
        ),
        Case::ExchangeRefused => words(
            "Der Dienst hat die Anmeldung nicht angenommen",
            "Er hat Sie zurückgeschickt und sich dann geweigert, sie abzuschließen.",
            TRY_AGAIN,
        ),
        Case::ExchangeFailed => words(
            "Der Dienst war nicht zu erreichen",
            "Sie waren angemeldet, aber der letzte Schritt mit dem Dienst ist misslungen.",
            TRY_IN_A_MOMENT,
        ),
        Case::PlaceNotChosen => words(
            "Sie haben dort mehrere Arbeitsbereiche",
            "Der Dienst hat die App zu mehr als einer Ihrer Sites oder Arbeitsbereiche zugelassen, und die App weiß nicht, welchen sie nutzen soll. Zur Sicherheit wurde nichts verbunden.",
            "Versuchen Sie es noch einmal und wählen Sie nur einen, wenn der Dienst es erlaubt. Sonst sagen Sie dem Betreiber der App, welchen Sie meinen.",
        ),
        Case::PlaceNotGranted => words(
            "Das ist nicht die Site, für die die App gedacht ist",
            "Die App ist für eine bestimmte Site oder einen bestimmten Arbeitsbereich eingerichtet, und Sie haben diesen nicht gewählt oder dort keinen Zugang.",
            "Versuchen Sie es noch einmal und wählen Sie den richtigen, wenn der Dienst danach fragt. Wird er nicht angeboten, fragen Sie in der App, welcher gebraucht wird.",
        ),
        Case::CredentialRejected => words(
            "Das wurde nicht angenommen",
            "Der Dienst hat die Eingabe abgelehnt.",
            "Prüfen Sie sie und geben Sie sie noch einmal ein.",
        ),
        Case::ProviderInvalidRequest => words(
            "Der Dienst hat die Anfrage nicht verstanden",
            "Was die App erbeten hat, passt nicht zu dem, was der Dienst erwartet.",
            TELL_THE_APP,
        ),
        Case::UnauthorizedClient => words(
            "Die App darf nicht fragen",
            "Der Dienst lässt diese App auf diesem Weg keine Konten verbinden.",
            TELL_THE_APP,
        ),
        Case::InvalidScope => words(
            "Die App hat um zu viel gebeten",
            "Der Dienst kennt oder erlaubt eines der Rechte nicht, um die die App bittet.",
            TELL_THE_APP,
        ),
        Case::InvalidClient => words(
            "Die Anmeldung der App selbst ist misslungen",
            "Der Dienst nimmt die Kennung oder das Passwort der App nicht an.",
            TELL_THE_APP,
        ),
        Case::RedirectUriMismatch => words(
            "Die Rückadresse der App ist nicht eingetragen",
            "Der Dienst kennt die Adresse nicht, an die er Sie zurückschicken soll.",
            TELL_THE_APP,
        ),
        Case::ProviderServerError => words(
            "Der Dienst hatte ein Problem",
            "Er ist gescheitert, während er Sie verbinden wollte.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderBusy => {
            words("Der Dienst ist ausgelastet", "Er kann im Moment keine Konten verbinden.", TRY_IN_A_MOMENT)
        }
        Case::ProviderRefused => {
            words("Der Dienst hat abgelehnt", "Er hat mit einem eigenen Fehler geantwortet.", TRY_AGAIN)
        }
        Case::ConsentRequired => words(
            "Zuerst muss jemand zustimmen",
            "Der Dienst verbindet nichts, bevor Sie oder die Administration Ihrer Organisation dem zugestimmt haben, worum die App bittet.",
            "Versuchen Sie es noch einmal und stimmen Sie allem zu, wonach Sie gefragt werden. Werden Sie nicht gefragt, schicken Sie Ihrer Administration den Namen der App und die Kennung unten: Sie kann die App für Sie erlauben.",
        ),
        Case::SignInRequired => words(
            "Der Dienst möchte, dass Sie sich noch einmal anmelden",
            "Er verlangt eine Anmeldung, die Wahl eines Kontos oder eine Bestätigung in einem zweiten Schritt, und Sie kamen zurück, bevor das erledigt war.",
            "Versuchen Sie es noch einmal und beantworten Sie alles, was die Seiten des Dienstes fragen, auch den zweiten Schritt.",
        ),
        Case::AdministratorRequired => words(
            "Die Administration muss diese App erst erlauben",
            "In Ihrer Organisation darf nur die Administration solche Apps zulassen, oder eine ihrer Regeln schließt diese App aus.",
            "Schicken Sie Ihrer Administration den Namen der App und die Kennung unten. Sobald sie die App erlaubt hat, bitten Sie die App um einen neuen Link.",
        ),
        Case::AccountGone => words(
            "Das gibt es nicht mehr",
            "Wofür der Link gemacht wurde, ist inzwischen entfernt worden.",
            ASK_FOR_NEW_LINK,
        ),
        Case::RequestUnreadable => words(
            "Das war nicht zu lesen",
            "Was Ihr Browser geschickt hat, ist unvollständig oder nicht das, was diese Seite erwartet.",
            "Öffnen Sie den Link noch einmal und wiederholen Sie den Schritt. Wenn es dabei bleibt, sagen Sie den Betreibern der App Bescheid.",
        ),
        Case::ProviderFailed => words(
            "Der Dienst hat nicht richtig geantwortet",
            "Seine Antwort ist gescheitert, war unvollständig oder kam zu spät.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderOutOfReach => words(
            "Es führt kein Weg zum Dienst",
            "Dieser Server konnte nicht mit ihm sprechen.",
            TELL_THE_APP,
        ),
        Case::OrganizationRule => words(
            "Eine Regel steht im Weg",
            "Der Dienst oder Ihre Organisation erlaubt das nicht.",
            "Fragen Sie die Administration Ihrer Organisation.",
        ),
        Case::NewLinkNeeded => words(
            "Mit diesem Link geht es nicht weiter",
            "Das Konto hat sich geändert, seit er gemacht wurde.",
            ASK_FOR_NEW_LINK,
        ),
        Case::ServerFailed => words(
            "Es ist etwas schiefgegangen",
            "Der Server konnte nicht tun, was er sollte.",
            TRY_IN_A_MOMENT,
        ),
        Case::Passing => words(
            "Nicht in diesem Augenblick",
            "Es geschieht gerade etwas anderes, oder es ist zu viel zu tun.",
            TRY_IN_A_MOMENT,
        ),
        Case::AppMustAct => words(
            "Das hat nicht geklappt",
            "Die App ist für das, was sie versucht hat, nicht eingerichtet.",
            TELL_THE_APP,
        ),
    }
}

pub(super) const fn form(case: FormCase) -> &'static str {
    match case {
        FormCase::CheckEntries => "Bitte prüfen Sie Ihre Eingaben.",
        FormCase::NotAccepted => {
            "Der Dienst hat das nicht angenommen. Prüfen Sie es und geben Sie es noch einmal ein."
        }
        FormCase::TooFewRights => {
            "Der Dienst kennt das, erlaubt damit aber nicht, was gebraucht wird. Nehmen Sie eines mit mehr Rechten."
        }
        FormCase::NothingThere => {
            "Der Dienst hat geantwortet, kennt unter dieser Adresse aber nichts. Prüfen Sie Ihre Eingaben."
        }
        FormCase::NotTriedOut => {
            "Ihre Eingabe konnte nicht ausprobiert werden: Der Dienst hat nicht richtig geantwortet. Versuchen Sie es gleich noch einmal."
        }
        FormCase::NotTaken => {
            "Ihre Eingabe war nicht zu gebrauchen. Prüfen Sie sie und geben Sie sie noch einmal ein."
        }
    }
}
