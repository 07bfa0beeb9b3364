//! French.

use super::{
    Texts, Words,
    case::{Case, FormCase},
    words,
};

pub(super) const TEXTS: Texts = Texts {
    connect_title: "Connecter {connector}",
    error_title: "Erreur : {title}",
    asks: "{*app} demande à utiliser votre compte {connector} en votre nom.",
    asks_unnamed: "L’application qui vous a envoyé ce lien demande à utiliser votre compte {connector} en votre nom.",
    connected_now: "{*account} est connecté actuellement.",
    connected_now_unnamed: "Un compte est connecté actuellement.",
    same_account_only: "Identifiez-vous de nouveau avec le même compte : aucun autre n’est accepté.",
    replaces: "Si vous continuez, cette connexion sera remplacée.",
    scopes_heading: "Voici ce qui sera possible",
    for_whom: "Pour",
    sign_in_at: "Vous vous identifiez sur",
    back_to: "Vous irez ensuite sur",
    valid_until: "Valable jusqu’au",
    optional: "(facultatif)",
    where_to_find: "Où le trouver (s’ouvre dans un nouvel onglet)",
    field_needed: "Cette information est nécessaire.",
    field_unfit: "Cela ne semble pas correct. Vérifiez que tout a été copié.",
    go_on: "Continuer",
    connect: "Connecter",
    try_again: "Réessayer",
    closing_provider: "Vous vous identifiez directement sur {connector} ; {app} ne voit jamais votre mot de passe. Vous pouvez retirer l’accès à tout moment dans vos paramètres sur ce service.",
    closing_provider_unnamed: "Vous vous identifiez directement sur {connector} ; l’application ne voit jamais votre mot de passe. Vous pouvez retirer l’accès à tout moment dans vos paramètres sur ce service.",
    closing_key: "Ce que vous saisissez est conservé chiffré et ne sert qu’aux appels à {connector} ; {app} ne le voit jamais.",
    closing_key_unnamed: "Ce que vous saisissez est conservé chiffré et ne sert qu’aux appels à {connector} ; l’application ne le voit jamais.",
    closing_nothing: "Rien ne vous est demandé pour cela.",
    not_expected: "Si vous ne vous y attendiez pas, fermez la page : rien ne se passe tant que vous ne continuez pas.",
    connected_title: "{connector} est connecté",
    done_title: "Tout est fait ici",
    you_connected: "Vous avez connecté {*account}.",
    missing_one: "Une autorisation demandée n’a pas été accordée ; quelque chose pourrait donc ne pas fonctionner :",
    missing_many: "{count} autorisations demandées n’ont pas été accordées ; certaines choses pourraient donc ne pas fonctionner :",
    close_page: "Vous pouvez fermer cette page et revenir à {app}.",
    close_page_unnamed: "Vous pouvez fermer cette page et revenir à l’application.",
    still_works: "{*account} continue de fonctionner.",
    still_works_unnamed: "Le compte déjà connecté continue de fonctionner.",
    what_to_do: "Ce que vous pouvez faire",
    connecting: "Connexion à {connector}.",
    status_page: "Voir si {connector} connaît une panne (s’ouvre dans un nouvel onglet)",
    reference: "Si vous demandez de l’aide, indiquez cette référence :",
    powered_by: "Propulsé par Valetkey",
    support: "Aide",
    privacy: "Confidentialité",
    choose_language: "Langue",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
};

const ASK_FOR_NEW_LINK: &str = "Retournez à l’application qui vous a envoyé ici et demandez un nouveau lien.";
const TELL_THE_APP: &str = "Ce n’est pas votre faute. Prévenez les responsables de l’application ; la référence ci-dessous les aide à trouver la cause.";
const TRY_IN_A_MOMENT: &str =
    "Attendez un instant et réessayez. Si cela persiste, prévenez les responsables de l’application.";
const TRY_AGAIN: &str = "Réessayez. Si cela persiste, prévenez les responsables de l’application.";

pub(super) const fn failure(case: Case) -> Words {
    match case {
        Case::LinkInvalid => words(
            "Ce lien n’est pas valable",
            "L’adresse est incomplète ou n’a jamais été remise.",
            "Vérifiez que vous avez ouvert le lien entier. Si c’est le cas, retournez à l’application et demandez-en un nouveau.",
        ),
        Case::LinkExpired => words(
            "Ce lien a expiré",
            "Les liens ont une durée limitée, et celle de ce lien est écoulée.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkUsed => words(
            "Ce lien a déjà été utilisé",
            "Chaque lien ne sert qu’une fois.",
            "Si votre compte n’est pas encore connecté, retournez à l’application et demandez un nouveau lien.",
        ),
        Case::LinkWithdrawn => words(
            "Ce lien a été retiré",
            "Le compte a été déconnecté après la création du lien, qui ne le reconnecte donc pas.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkOtherBrowser => words(
            "Ce lien a été ouvert dans un autre navigateur",
            "Un lien appartient au navigateur dans lequel il a servi en premier.",
            "Continuez dans ce navigateur-là, ou demandez un nouveau lien à l’application.",
        ),
        Case::FormExpired => words(
            "Veuillez rouvrir le lien",
            "La page est restée ouverte trop longtemps, ou ce navigateur n’a pas gardé son cookie.",
            "Autorisez les cookies pour ce site, rouvrez le lien et recommencez.",
        ),
        Case::ConnectionDisabled => {
            words("Cette connexion est désactivée", "Ses responsables l’ont mise en pause.", TELL_THE_APP)
        }
        Case::ConnectionNotSetUp => words(
            "Cette connexion n’est pas encore configurée",
            "La configuration de l’application chez le fournisseur est incomplète.",
            TELL_THE_APP,
        ),
        Case::AccessDenied => words(
            "L’accès n’a pas été autorisé",
            "Vous, ou une règle de votre organisation, avez refusé. Rien n’a été connecté.",
            "Si vous ne vouliez pas refuser, réessayez et choisissez d’autoriser. Si votre organisation a refusé, adressez-vous à son administrateur.",
        ),
        Case::StateMissing => words(
            "Il manque quelque chose",
            "Cette page a été ouverte sans la réponse qui lui correspond.",
            "Recommencez à partir du lien dans l’application.",
        ),
        Case::StateUnknown => words(
            "Cette réponse ne correspond à aucune demande",
            "Elle a été modifiée en chemin, ou ne vient pas d’ici.",
            ASK_FOR_NEW_LINK,
        ),
        Case::StateExpired => words(
            "Cela a pris trop de temps",
            "L’identification doit se terminer en dix minutes.",
            "Recommencez ; cela ne prend qu’un instant.",
        ),
        Case::StateReused => words(
            "Cette page a déjà servi",
            "Elle a été rechargée ou ouverte une seconde fois. Ce qui était connecté le reste.",
            "Si votre compte n’est pas connecté, retournez à l’application et demandez un nouveau lien.",
        ),
        Case::BrowserMismatch => words(
            "Un autre navigateur, ou pas de cookie",
            "Toutes les étapes doivent se faire dans un même navigateur, et celui-ci n’a pas apporté le cookie de la première.",
            "Autorisez les cookies pour ce site, rouvrez le lien et faites tout dans un même navigateur.",
        ),
        Case::IssuerMismatch => words(
            "La réponse vient du mauvais endroit",
            "Elle n’a pas été envoyée par le service interrogé. Par sécurité, rien n’a été connecté.",
            TELL_THE_APP,
        ),
        Case::CodeMissing => words(
            "La réponse était incomplète",
            "Le service vous a renvoyé sans le code qui connecte votre compte.",
            TRY_AGAIN,
        ),
        Case::IdentityChanged => words(
            "Vous vous êtes identifié avec un autre compte",
            "L’application garde le compte que vous avez connecté en premier, et celui-ci est différent.",
            "Réessayez et identifiez-vous avec le compte déjà connecté. Pour en utiliser un autre, indiquez-le à l’application.",
        ),
        Case::ExchangeRefused => words(
            "Le service n’a pas accepté l’identification",
            "Il vous a renvoyé, puis a refusé de terminer.",
            TRY_AGAIN,
        ),
        Case::ExchangeFailed => words(
            "Le service n’a pas pu être joint",
            "Vous étiez identifié, mais la dernière étape avec le service a échoué.",
            TRY_IN_A_MOMENT,
        ),
        Case::PlaceNotChosen => words(
            "Vous y avez plusieurs espaces",
            "Le service a ouvert à l’application plus d’un de vos sites ou espaces de travail, et elle ne sait pas lequel utiliser. Par sécurité, rien n’a été connecté.",
            "Réessayez et n’en choisissez qu’un si le service le permet. Sinon, dites à l’équipe de l’application lequel est le bon.",
        ),
        Case::PlaceNotGranted => words(
            "Ce n’est pas le site prévu pour l’application",
            "L’application est réglée pour un site ou un espace de travail précis, que vous n’avez pas choisi ou auquel vous n’avez pas accès.",
            "Réessayez et choisissez le bon quand le service le demande. S’il n’est pas proposé, demandez à l’application lequel il lui faut.",
        ),
        Case::CredentialRejected => words(
            "Cela n’a pas été accepté",
            "Le service a refusé ce qui a été saisi.",
            "Vérifiez-le et saisissez-le de nouveau.",
        ),
        Case::ProviderInvalidRequest => words(
            "Le service n’a pas compris la demande",
            "Ce que l’application a demandé ne correspond pas à ce que le service attend.",
            TELL_THE_APP,
        ),
        Case::UnauthorizedClient => words(
            "L’application n’a pas le droit de demander",
            "Le service ne permet pas à cette application de connecter des comptes de cette façon.",
            TELL_THE_APP,
        ),
        Case::InvalidScope => words(
            "L’application a trop demandé",
            "Le service ne connaît pas ou n’accorde pas l’une des autorisations demandées par l’application.",
            TELL_THE_APP,
        ),
        Case::InvalidClient => words(
            "L’identification de l’application elle-même a échoué",
            "Le service n’accepte pas l’identifiant ou le mot de passe de l’application.",
            TELL_THE_APP,
        ),
        Case::RedirectUriMismatch => words(
            "L’adresse de retour de l’application n’est pas enregistrée",
            "Le service ne connaît pas l’adresse à laquelle vous renvoyer.",
            TELL_THE_APP,
        ),
        Case::ProviderServerError => words(
            "Le service a rencontré un problème",
            "Il a échoué pendant qu’il vous connectait.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderBusy => words(
            "Le service est surchargé",
            "Il ne peut pas connecter de comptes pour le moment.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderRefused => {
            words("Le service a refusé", "Il a répondu par une erreur qui lui est propre.", TRY_AGAIN)
        }
        Case::ConsentRequired => words(
            "Quelqu’un doit d’abord donner son accord",
            "Le service ne connecte rien tant que vous, ou un administrateur de votre organisation, n’avez pas accepté ce que demande l’application.",
            "Réessayez et acceptez tout ce qui vous est demandé. Si rien ne vous est demandé, envoyez à votre administrateur le nom de l’application et la référence ci-dessous : il peut l’autoriser pour vous.",
        ),
        Case::SignInRequired => words(
            "Le service vous demande de vous reconnecter",
            "Il demande une connexion, le choix d’un compte ou une confirmation en deux étapes, et vous êtes revenu avant que ce soit fait.",
            "Réessayez et répondez à tout ce que les pages du service demandent, y compris la deuxième étape.",
        ),
        Case::AdministratorRequired => words(
            "Un administrateur doit autoriser cette application",
            "Dans votre organisation, seuls les administrateurs peuvent admettre de telles applications, ou l’une de leurs règles exclut celle-ci.",
            "Envoyez à votre administrateur le nom de l’application et la référence ci-dessous. Une fois l’application autorisée, demandez-lui un nouveau lien.",
        ),
        Case::AccountGone => words(
            "Cela n’existe plus",
            "Ce pour quoi le lien avait été créé a été supprimé entre-temps.",
            ASK_FOR_NEW_LINK,
        ),
        Case::RequestUnreadable => words(
            "Cela n’a pas pu être lu",
            "Ce que votre navigateur a envoyé est incomplet ou n’est pas ce que cette page attend.",
            "Rouvrez le lien et recommencez. Si cela persiste, prévenez les responsables de l’application.",
        ),
        Case::ProviderFailed => words(
            "Le service n’a pas répondu correctement",
            "Sa réponse a échoué, était incomplète ou a trop tardé.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderOutOfReach => words(
            "Aucun chemin ne mène au service",
            "Ce serveur n’a pas pu communiquer avec lui.",
            TELL_THE_APP,
        ),
        Case::OrganizationRule => words(
            "Une règle s’y oppose",
            "Le service ou votre organisation ne l’autorise pas.",
            "Adressez-vous à l’administrateur de votre organisation.",
        ),
        Case::NewLinkNeeded => words(
            "Ce lien ne permet pas de continuer",
            "Le compte a changé depuis sa création.",
            ASK_FOR_NEW_LINK,
        ),
        Case::ServerFailed => words(
            "Quelque chose s’est mal passé",
            "Le serveur n’a pas pu faire ce qui était demandé.",
            TRY_IN_A_MOMENT,
        ),
        Case::Passing => words(
            "Pas en ce moment",
            "Autre chose se passe en même temps, ou il y a trop à faire.",
            TRY_IN_A_MOMENT,
        ),
        Case::AppMustAct => words(
            "Cela n’a pas fonctionné",
            "L’application n’est pas configurée pour ce qu’elle a tenté.",
            TELL_THE_APP,
        ),
    }
}

pub(super) const fn form(case: FormCase) -> &'static str {
    match case {
        FormCase::CheckEntries => "Veuillez vérifier ce que vous avez saisi.",
        FormCase::NotAccepted => "Le service ne l’a pas accepté. Vérifiez-le et saisissez-le de nouveau.",
        FormCase::TooFewRights => {
            "Le service le connaît, mais n’autorise pas ce qui est nécessaire. Utilisez-en un avec plus de droits."
        }
        FormCase::NothingThere => {
            "Le service a répondu, mais ne connaît rien à cette adresse. Vérifiez ce que vous avez saisi."
        }
        FormCase::NotTriedOut => {
            "Ce que vous avez saisi n’a pas pu être essayé : le service n’a pas répondu correctement. Réessayez dans un instant."
        }
        FormCase::NotTaken => {
            "Ce que vous avez saisi n’a pas pu être utilisé. Vérifiez-le et saisissez-le de nouveau."
        }
    }
}
