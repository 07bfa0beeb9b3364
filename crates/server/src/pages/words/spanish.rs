//! Spanish.

use super::{
    Texts, Words,
    case::{Case, FormCase},
    words,
};

pub(super) const TEXTS: Texts = Texts {
    connect_title: "Conectar {connector}",
    error_title: "Error: {title}",
    asks: "{*app} pide usar su cuenta de {connector} en su nombre.",
    asks_unnamed: "La aplicación que le envió este enlace pide usar su cuenta de {connector} en su nombre.",
    connected_now: "{*account} está conectada ahora.",
    connected_now_unnamed: "Ahora hay una cuenta conectada.",
    same_account_only: "Inicie sesión otra vez con la misma cuenta: no se acepta ninguna otra.",
    replaces: "Si continúa, se sustituirá esa conexión.",
    scopes_heading: "Podrá hacer lo siguiente",
    for_whom: "Para",
    sign_in_at: "Inicia sesión en",
    back_to: "Después irá a",
    valid_until: "Válido hasta",
    optional: "(opcional)",
    where_to_find: "Dónde encontrarlo (se abre en una pestaña nueva)",
    field_needed: "Este dato es necesario.",
    field_unfit: "Esto no parece correcto. Compruebe que se haya copiado entero.",
    go_on: "Continuar",
    connect: "Conectar",
    try_again: "Intentar de nuevo",
    closing_provider: "Usted inicia sesión directamente en {connector}; {app} nunca ve su contraseña. Puede retirar el acceso en cualquier momento en su configuración de ese servicio.",
    closing_provider_unnamed: "Usted inicia sesión directamente en {connector}; la aplicación nunca ve su contraseña. Puede retirar el acceso en cualquier momento en su configuración de ese servicio.",
    closing_key: "Lo que escriba se guarda cifrado y solo se usa para llamadas a {connector}; {app} nunca lo ve.",
    closing_key_unnamed: "Lo que escriba se guarda cifrado y solo se usa para llamadas a {connector}; la aplicación nunca lo ve.",
    closing_nothing: "Para esto no se necesita nada de usted.",
    not_expected: "Si no esperaba esto, cierre la página: no ocurre nada hasta que usted continúe.",
    connected_title: "{connector} está conectado",
    done_title: "Aquí ya ha terminado",
    you_connected: "Ha conectado {*account}.",
    missing_one: "Uno de los permisos solicitados no se concedió, así que algo puede no funcionar:",
    missing_many: "{count} de los permisos solicitados no se concedieron, así que algunas cosas pueden no funcionar:",
    close_page: "Puede cerrar esta página y volver a {app}.",
    close_page_unnamed: "Puede cerrar esta página y volver a la aplicación.",
    still_works: "{*account} sigue funcionando.",
    still_works_unnamed: "La cuenta que estaba conectada sigue funcionando.",
    what_to_do: "Qué puede hacer",
    connecting: "Conexión con {connector}.",
    status_page: "Ver si {connector} tiene una interrupción (se abre en una pestaña nueva)",
    reference: "Si pide ayuda, indique esta referencia:",
    powered_by: "Funciona con Valetkey",
    support: "Ayuda",
    privacy: "Privacidad",
    choose_language: "Idioma",
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
};

const ASK_FOR_NEW_LINK: &str = "Vuelva a la aplicación que le envió aquí y pida un enlace nuevo.";
const TELL_THE_APP: &str = "No es culpa suya. Avise a los responsables de la aplicación; la referencia de abajo les ayuda a encontrar la causa.";
const TRY_IN_A_MOMENT: &str =
    "Espere un momento e inténtelo de nuevo. Si sigue igual, avise a los responsables de la aplicación.";
const TRY_AGAIN: &str = "Inténtelo de nuevo. Si sigue igual, avise a los responsables de la aplicación.";

pub(super) const fn failure(case: Case) -> Words {
    match case {
        Case::LinkInvalid => words(
            "Este enlace no es válido",
            "La dirección está incompleta o nunca se entregó.",
            "Compruebe que haya abierto el enlace completo. Si es así, vuelva a la aplicación y pida uno nuevo.",
        ),
        Case::LinkExpired => words(
            "Este enlace ha caducado",
            "Los enlaces funcionan durante un tiempo limitado, y el de este ya pasó.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkUsed => words(
            "Este enlace ya se ha usado",
            "Cada enlace funciona una sola vez.",
            "Si su cuenta aún no está conectada, vuelva a la aplicación y pida un enlace nuevo.",
        ),
        Case::LinkWithdrawn => words(
            "Este enlace se ha retirado",
            "La cuenta se desconectó después de crear el enlace, así que este no vuelve a conectarla.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkOtherBrowser => words(
            "Este enlace se abrió en otro navegador",
            "Un enlace pertenece al navegador en el que se usó por primera vez.",
            "Continúe en ese navegador o pida a la aplicación un enlace nuevo.",
        ),
        Case::FormExpired => words(
            "Abra el enlace otra vez",
            "La página estuvo abierta demasiado tiempo, o este navegador no conservó su cookie.",
            "Permita las cookies de este sitio, abra el enlace otra vez y repita el paso.",
        ),
        Case::ConnectionDisabled => {
            words("Esta conexión está desactivada", "Sus responsables la han pausado.", TELL_THE_APP)
        }
        Case::ConnectionNotSetUp => words(
            "Esta conexión aún no está configurada",
            "La configuración de la aplicación en el proveedor está incompleta.",
            TELL_THE_APP,
        ),
        Case::AccessDenied => words(
            "No se permitió el acceso",
            "Usted, o una regla de su organización, lo rechazó. No se conectó nada.",
            "Si no quería rechazarlo, inténtelo de nuevo y elija permitir. Si lo rechazó su organización, pregunte a su administrador.",
        ),
        Case::StateMissing => words(
            "Falta algo",
            "Esta página se abrió sin la respuesta que le corresponde.",
            "Empiece de nuevo con el enlace de la aplicación.",
        ),
        Case::StateUnknown => words(
            "Esta respuesta no corresponde a ninguna solicitud",
            "Se modificó por el camino o no procede de aquí.",
            ASK_FOR_NEW_LINK,
        ),
        Case::StateExpired => words(
            "Ha tardado demasiado",
            "El inicio de sesión debe terminar en diez minutos.",
            "Empiece de nuevo; solo lleva un momento.",
        ),
        Case::StateReused => words(
            "Esta página ya se usó",
            "Se recargó o se abrió por segunda vez. Lo que estaba conectado sigue conectado.",
            "Si su cuenta no está conectada, vuelva a la aplicación y pida un enlace nuevo.",
        ),
        Case::BrowserMismatch => words(
            "Otro navegador, o falta la cookie",
            "Todos los pasos deben hacerse en un mismo navegador, y este no trajo la cookie del primer paso.",
            "Permita las cookies de este sitio, abra el enlace otra vez y hágalo todo en un mismo navegador.",
        ),
        Case::IssuerMismatch => words(
            "La respuesta llegó del lugar equivocado",
            "No la envió el servicio al que se preguntó. Por seguridad, no se conectó nada.",
            TELL_THE_APP,
        ),
        Case::CodeMissing => words(
            "La respuesta estaba incompleta",
            "El servicio le devolvió sin el código que conecta su cuenta.",
            TRY_AGAIN,
        ),
        Case::IdentityChanged => words(
            "Ha iniciado sesión con otra cuenta",
            "La aplicación se queda con la cuenta que usted conectó primero, y la de ahora es distinta.",
            "Inténtelo de nuevo e inicie sesión con la cuenta que estaba conectada. Si quiere usar otra, indíquelo en la aplicación.",
        ),
        Case::ExchangeRefused => words(
            "El servicio no aceptó el inicio de sesión",
            "Le envió de vuelta y después se negó a terminarlo.",
            TRY_AGAIN,
        ),
        Case::ExchangeFailed => words(
            "No se pudo contactar con el servicio",
            "Usted había iniciado sesión, pero el último paso con el servicio falló.",
            TRY_IN_A_MOMENT,
        ),
        Case::PlaceNotChosen => words(
            "Tiene varios espacios allí",
            "El servicio abrió a la aplicación más de uno de sus sitios o espacios de trabajo, y ella no sabe cuál usar. Por seguridad, no se conectó nada.",
            "Inténtelo de nuevo y elija solo uno si el servicio lo permite. Si no, diga a quienes llevan la aplicación cuál es el correcto.",
        ),
        Case::PlaceNotGranted => words(
            "No es el sitio para el que está la aplicación",
            "La aplicación está configurada para un sitio o espacio de trabajo determinado, y usted no lo eligió o no tiene acceso a él.",
            "Inténtelo de nuevo y elija el correcto cuando el servicio lo pregunte. Si no aparece, pregunte en la aplicación cuál necesita.",
        ),
        Case::CredentialRejected => words(
            "No se ha aceptado",
            "El servicio rechazó lo que se escribió.",
            "Compruébelo y escríbalo otra vez.",
        ),
        Case::ProviderInvalidRequest => words(
            "El servicio no entendió la solicitud",
            "Lo que pidió la aplicación no se ajusta a lo que el servicio espera.",
            TELL_THE_APP,
        ),
        Case::UnauthorizedClient => words(
            "La aplicación no puede pedirlo",
            "El servicio no permite que esta aplicación conecte cuentas de este modo.",
            TELL_THE_APP,
        ),
        Case::InvalidScope => words(
            "La aplicación pidió demasiado",
            "El servicio no conoce o no permite uno de los permisos que pide la aplicación.",
            TELL_THE_APP,
        ),
        Case::InvalidClient => words(
            "Falló la identificación de la propia aplicación",
            "El servicio no acepta el identificador o la contraseña de la aplicación.",
            TELL_THE_APP,
        ),
        Case::RedirectUriMismatch => words(
            "La dirección de vuelta de la aplicación no está registrada",
            "El servicio no conoce la dirección a la que debe enviarle de vuelta.",
            TELL_THE_APP,
        ),
        Case::ProviderServerError => {
            words("El servicio tuvo un problema", "Falló mientras establecía su conexión.", TRY_IN_A_MOMENT)
        }
        Case::ProviderBusy => {
            words("El servicio está ocupado", "En este momento no puede conectar cuentas.", TRY_IN_A_MOMENT)
        }
        Case::ProviderRefused => words("El servicio lo rechazó", "Respondió con un error propio.", TRY_AGAIN),
        Case::ConsentRequired => words(
            "Antes alguien debe dar su consentimiento",
            "El servicio no conecta nada hasta que usted o un administrador de su organización acepte lo que pide la aplicación.",
            "Inténtelo de nuevo y acepte todo lo que se le pregunte. Si no se le pregunta nada, envíe a su administrador el nombre de la aplicación y la referencia de abajo: puede autorizarla para usted.",
        ),
        Case::SignInRequired => words(
            "El servicio quiere que inicie sesión de nuevo",
            "Pide iniciar sesión, elegir una cuenta o confirmar con un segundo paso, y usted volvió antes de terminarlo.",
            "Inténtelo de nuevo y responda a todo lo que pidan las páginas del servicio, también el segundo paso.",
        ),
        Case::AdministratorRequired => words(
            "Un administrador tiene que permitir esta aplicación",
            "En su organización solo los administradores pueden admitir aplicaciones como esta, o una de sus reglas la excluye.",
            "Envíe a su administrador el nombre de la aplicación y la referencia de abajo. Cuando la haya permitido, pida un nuevo enlace a la aplicación.",
        ),
        Case::AccountGone => words(
            "Esto ya no existe",
            "Aquello para lo que se creó el enlace se ha eliminado entretanto.",
            ASK_FOR_NEW_LINK,
        ),
        Case::RequestUnreadable => words(
            "No se pudo leer",
            "Lo que envió su navegador está incompleto o no es lo que esta página espera.",
            "Abra el enlace otra vez y repita el paso. Si sigue igual, avise a los responsables de la aplicación.",
        ),
        Case::ProviderFailed => words(
            "El servicio no respondió bien",
            "Su respuesta falló, llegó incompleta o tardó demasiado.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderOutOfReach => words(
            "No hay forma de llegar al servicio",
            "Este servidor no pudo comunicarse con él.",
            TELL_THE_APP,
        ),
        Case::OrganizationRule => words(
            "Una regla lo impide",
            "El servicio o su organización no lo permite.",
            "Pregunte al administrador de su organización.",
        ),
        Case::NewLinkNeeded => words(
            "Con este enlace no se puede continuar",
            "La cuenta ha cambiado desde que se creó.",
            ASK_FOR_NEW_LINK,
        ),
        Case::ServerFailed => {
            words("Algo ha ido mal", "El servidor no pudo hacer lo que se le pidió.", TRY_IN_A_MOMENT)
        }
        Case::Passing => words(
            "Ahora mismo no es posible",
            "Está ocurriendo otra cosa al mismo tiempo, o hay demasiado trabajo.",
            TRY_IN_A_MOMENT,
        ),
        Case::AppMustAct => {
            words("No ha funcionado", "La aplicación no está configurada para lo que intentó.", TELL_THE_APP)
        }
    }
}

pub(super) const fn form(case: FormCase) -> &'static str {
    match case {
        FormCase::CheckEntries => "Compruebe lo que ha escrito.",
        FormCase::NotAccepted => "El servicio no lo aceptó. Compruébelo y escríbalo otra vez.",
        FormCase::TooFewRights => {
            "El servicio lo conoce, pero no le permite lo que hace falta. Use uno con más permisos."
        }
        FormCase::NothingThere => {
            "El servicio respondió, pero no conoce nada en esa dirección. Compruebe lo que ha escrito."
        }
        FormCase::NotTriedOut => {
            "No se pudo probar lo que ha escrito: el servicio no respondió bien. Inténtelo de nuevo en un momento."
        }
        FormCase::NotTaken => "Lo que ha escrito no se pudo usar. Compruébelo y escríbalo otra vez.",
    }
}
