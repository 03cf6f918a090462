//! What HR systems call their columns, in English, German, French, Spanish, Dutch, Swedish and Norwegian.
//!
//! Names are compared without case, spaces, punctuation and accents. Behind `:` stands how sure a name is, of 100,
//! where it is less. Invariant: a name alone decides nothing; what stands in the column is weighed with it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

/// What a column may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Who the worker is.
    Key,
    /// Whether they are in force.
    Status,
    /// The key of their manager.
    Manager,
    /// The first day of work.
    HireDate,
    /// The last day of work.
    LastDay,
    /// The end of the employment.
    TerminationDate,
    /// Who the person is who may have several employments.
    Person,
    /// Where their clock stands.
    TimeZone,
    /// `givenName`.
    GivenName,
    /// `surname`.
    Surname,
    /// `displayName`.
    DisplayName,
    /// `jobTitle`.
    JobTitle,
    /// `department`.
    Department,
    /// `companyName`.
    CompanyName,
    /// `officeLocation`.
    OfficeLocation,
    /// `employeeType`.
    EmployeeType,
    /// `employeeOrgData.division`.
    Division,
    /// `employeeOrgData.costCenter`.
    CostCenter,
    /// `streetAddress`.
    StreetAddress,
    /// `city`.
    City,
    /// `state`.
    State,
    /// `postalCode`.
    PostalCode,
    /// `country`, and `usageLocation` where it is a code.
    Country,
    /// `mobilePhone`.
    MobilePhone,
    /// `businessPhones`.
    BusinessPhones,
    /// `faxNumber`.
    FaxNumber,
    /// `preferredLanguage`.
    PreferredLanguage,
    /// A mail address: never written, its domain says something.
    Email,
    /// A name that somebody signs in with elsewhere.
    Login,
    /// Nobody's business: never proposed, never shown.
    Private,
}

const NAMES: [(Part, &str); 30] = [
    (
        Part::Key,
        "employeeid employeenumber employeeno employeenr empid empno empnr empnumber empcode employeecode \
         workerid workernumber workerno personnelnumber personnelno personnelid pernr staffid staffno \
         staffnumber staffcode associateid payrollid:85 payrollnumber:85 hrid badgeid:60 badgeno:55 \
         personalnummer personalnr persnr personalid mitarbeiternummer mitarbeiternr mitarbeiterid manr \
         stammnummer matricule numeromatricule nomatricule nummatricule matriculesalarie identifiantsalarie \
         idsalarie numerosalarie numeroemploye idemploye numeroempleado idempleado codigoempleado numempleado \
         numerodeempleado iddeempleado codigodeempleado legajo matricula personeelsnummer personeelsnr \
         personeelsid medewerkernummer medewerkersnummer medewerkerid medewerkernr werknemernummer \
         werknemersnummer werknemerid stamnummer anstallningsnummer anstallningsnr anstallningsid anstnr \
         medarbetarnummer medarbetarid ansattnummer ansattnr ansattid medarbeidernummer id:65 number:55 \
         identifier:65 externalid:60 nummer:55 numero:55",
    ),
    (
        Part::Status,
        "status workerstatus employeestatus employmentstatus empstatus emplstatus staffstatus hrstatus \
         assignmentstatus jobstatus:85 currentstatus workstatus statuscode employmentstatuscode \
         emplstatuscode active isactive activestatus activeinactive mitarbeiterstatus beschaftigungsstatus \
         beschaeftigungsstatus anstellungsstatus aktiv istaktiv statut:85 etat:80 statutsalarie situation:70 \
         actif estado:90 estatus estadoempleado estadolaboral estadodelempleado situacion:70 \
         situacionlaboral:85 activo statusmedewerker dienstverbandstatus actief indienst:70 \
         anstallningsstatus ansettelsesstatus stillingsstatus:80",
    ),
    (
        Part::Manager,
        "managerid manageremployeeid manageremployeenumber managerworkerid manageremployeeno managerno \
         managernumber managerempid managercode managerpersonnelnumber managerpersonnelno managerstaffid \
         managerexternalid:85 supervisorid supervisoremployeeid supervisornumber supervisorno supervisorcode \
         supervisor:85 reportsto:90 reportstoid linemanagerid linemanageremployeeid linemanager:85 manager:85 \
         directmanagerid directmanager:85 managerreference:90 vorgesetzter:85 vorgesetzte:85 vorgesetzterid \
         vorgesetztenid vorgesetzternr personalnummervorgesetzter personalnrvorgesetzter \
         vorgesetzterpersonalnummer pernrvorgesetzter fuhrungskraft:85 fuehrungskraft:85 fuhrungskraftid \
         fuehrungskraftid personalnummerfuhrungskraft managerpersonalnummer responsable:80 idresponsable \
         matriculeresponsable matriculemanager responsablehierarchique:85 idmanager manageur:80 \
         superieurhierarchique:85 matriculesuperieur matriculen1 jefe:85 idjefe jefedirecto:85 iddeljefe \
         responsabledirecto:85 numeroempleadojefe legajojefe idsupervisor leidinggevende:85 leidinggevendeid \
         personeelsnummerleidinggevende personeelsnummermanager managerpersoneelsnummer chef:85 chefid \
         chefsanstallningsnummer anstallningsnummerchef narmastechef:85 narmastechefid leder:85 lederid \
         narmesteleder:85 narmestelederid lederansattnummer ansattnummerleder",
    ),
    (
        Part::HireDate,
        "hiredate hiredon hired:85 hire:85 originalhiredate:80 lasthiredate:90 mostrecenthiredate:90 dateofhire \
         startdate employeestartdate dateofjoining joindate joiningdate doj employmentstartdate \
         employmentstart commencementdate dateofcommencement start:75 firstday firstdayofwork entrydate:85 \
         eintritt eintrittsdatum eintrittam einstelldatum einstellungsdatum beschaftigungsbeginn \
         beschaeftigungsbeginn beginn:70 vertragsbeginn:75 dateembauche datedembauche dateentree \
         datedentree entree:80 datedebut:90 datedebutcontrat:75 datedarrivee datearrivee fechaalta \
         fechadealta fechaingreso fechadeingreso fechacontratacion fechadecontratacion fechainicio \
         fechadeinicio fechaincorporacion fechadeincorporacion datumindienst indienstdatum \
         datumindiensttreding indiensttreding startdatum begindatum:90 anstallningsdatum anstallddatum \
         anstalldfrom anstallningfrom startdato ansattdato ansattfra ansettelsesdato tiltredelsesdato",
    ),
    (
        Part::LastDay,
        "lastday lastdayofwork lastdayworked lastworkingday lastworkday lastworkingdate lastdateworked lwd \
         lastdayofemployment terminationlastdayofwork enddate end:70 leavedate:85 leavingdate dateofleaving \
         exitdate dateleft employmentenddate employmentend separationdate:90 austritt austrittsdatum \
         austrittam letzterarbeitstag letzterarbeitstagam beschaftigungsende beschaeftigungsende ende:65 \
         datesortie datedesortie sortie:85 datefin:90 datededepart datedepart dernierjour \
         dernierjourtravaille dernierjourdetravail fechabaja fechadebaja fechasalida fechadesalida fechafin \
         fechadefin fechacese fechadecese ultimodia ultimodiatrabajado datumuitdienst uitdienstdatum \
         datumuitdiensttreding uitdiensttreding einddatum:90 laatstewerkdag slutdatum anstalldtom \
         anstallningtom sistaarbetsdag sistaanstallningsdag avgangsdatum sluttdato sluttetdato \
         sistearbeidsdag fratredelsesdato ansatttil contractenddate:55 vertragsende:55 datefincontrat:55 \
         datefindecontrat:55 fechafincontrato:55 contracteinddatum:55 einddatumcontract:55",
    ),
    (
        Part::TerminationDate,
        "terminationdate termdate dateoftermination terminated:60 terminationeffectivedate",
    ),
    (
        Part::Person,
        "personid personidexternal personuuid personkey globalpersonid personenid personennummer idpersonne \
         idpersona persoonid persoonsid",
    ),
    (
        Part::TimeZone,
        "timezone tz zeitzone fuseauhoraire zonahoraria husohorario tijdzone tidszon tidssone",
    ),
    (
        Part::GivenName,
        "givenname firstname forename fname first:80 preferredfirstname:90 legalfirstname:90 christianname \
         vorname rufname:95 prenom prenoms prenomusuel nombre:85 nombres primernombre nombredepila \
         voornaam roepnaam:95 fornamn tilltalsnamn:95 fornavn",
    ),
    (
        Part::Surname,
        "surname lastname familyname lname last:70 legallastname:90 preferredlastname:90 nachname familienname \
         zuname nom:85 nomdefamille nomusage nomdusage nomusuel apellido apellidos primerapellido achternaam \
         familienaam geslachtsnaam efternamn familjenamn etternavn",
    ),
    (
        Part::DisplayName,
        "displayname fullname preferredname:85 preferrednamedata completename workername employeename \
         legalname:80 name:80 anzeigename vollername vollstandigername vollstaendigername mitarbeitername \
         nomcomplet nometprenom nomprenom prenomnom nombrecompleto nombreyapellidos nombreyapellido \
         volledigenaam weergavenaam naam:80 fullstandigtnamn visningsnamn namn:80 fulltnavn visningsnavn \
         navn:80",
    ),
    (
        Part::JobTitle,
        "jobtitle title:85 businesstitle positiontitle position:85 job:75 jobname jobdescription:85 role:65 \
         function:70 jobprofile:75 stelle:85 stellenbezeichnung positionsbezeichnung funktion:85 beruf:80 \
         berufsbezeichnung tatigkeit:85 taetigkeit:85 poste:85 intituleposte intituleduposte intituledeposte \
         libelleposte fonction:85 emploi:85 libelleemploi intituleemploi puesto:85 cargo:85 puestodetrabajo \
         denominacionpuesto functie:85 functietitel functienaam functiebenaming befattning yrkestitel roll:65 \
         stilling:85 stillingstittel stillingsbetegnelse tittel:85 titel:60",
    ),
    (
        Part::Department,
        "department departmentname dept deptname departmentdescription departmentcode:60 orgunit:85 \
         orgunitname organizationalunit organisationalunit supervisoryorganization team:60 abteilung \
         abteilungsname abteilungsbezeichnung organisationseinheit:85 orgeinheit:85 bereich:70 departement \
         service:85 nomservice libelleservice direction:60 departamento area:60 seccion:60 afdeling \
         afdelingsnaam avdelning avdelningsnamn enhet:70 avdeling avdelingsnavn seksjon:60",
    ),
    (
        Part::CompanyName,
        "company companyname legalentity legalentityname legalemployer employer entity:65 companycode:55 firma \
         gesellschaft unternehmen arbeitgeber buchungskreis:55 mandant:55 societe entreprise raisonsociale \
         employeur empresa nombreempresa sociedad razonsocial bedrijf bedrijfsnaam werkgever foretag bolag \
         arbetsgivare selskap arbeidsgiver bedrift",
    ),
    (
        Part::OfficeLocation,
        "location officelocation office worklocation worksite site sitename locationname workplace:85 \
         physicaldeliveryofficename building:60 standort dienstort arbeitsort arbeitsplatz:65 buro buero \
         niederlassung lieu:80 lieudetravail etablissement:85 bureau:85 agence:65 ubicacion centrodetrabajo \
         centrotrabajo oficina lugardetrabajo sede locatie vestiging standplaats werklocatie werkplek kantoor \
         kontor arbetsplats arbetsstalle arbeidssted lokasjon kontorsted",
    ),
    (
        Part::EmployeeType,
        "employeetype workertype employmenttype emptype stafftype contracttype workersubtype:75 employeeclass \
         employeegroup:85 employeecategory:85 mitarbeitergruppe:85 mitarbeitertyp beschaftigungsart \
         beschaeftigungsart anstellungsart vertragsart mitarbeiterkreis:60 typecontrat typedecontrat \
         typedesalarie typesalarie categorie:60 tipocontrato tipodecontrato tipoempleado tipodeempleado \
         soortdienstverband typemedewerker contractsoort soortcontract anstallningsform anstallningstyp \
         ansettelsesform ansettelsestype ansattype",
    ),
    (
        Part::Division,
        "division divisionname businessunit businessunitname bu:70 sparte geschaftsbereich geschaeftsbereich \
         unidaddenegocio divisie bedrijfsonderdeel divisjon affarsomrade forretningsomrade",
    ),
    (
        Part::CostCenter,
        "costcenter costcentre costcentername costcentrename costcentercode costcentrecode costcenterid \
         kostenstelle kostenstellennummer kst:85 kostl centredecout centredecouts centrecout centrodecoste \
         centrodecostes centrodecostos centrocoste centrocosto ceco:85 kostenplaats kostnadsstalle \
         kostnadssted koststed",
    ),
    (
        Part::StreetAddress,
        "streetaddress street address addressline addressline1 address1 strasse strassehausnummer strassenr \
         strasseundhausnummer adresse anschrift rue voie direccion calle domicilio straat straatnaam adres \
         adress gatuadress gata gateadresse gate addresslinedata",
    ),
    (
        Part::City,
        "city town cityname worklocationcity:95 ort:90 stadt ville commune:65 ciudad localidad poblacion \
         municipio:65 municipality stad plaats postort poststed by:70",
    ),
    (
        Part::State,
        "state:85 province stateprovince stateorprovince region:60 county bundesland provincia provincie fylke",
    ),
    (
        Part::PostalCode,
        "postalcode postcode zip zipcode plz postleitzahl codepostal codigopostal postnummer postnr",
    ),
    (
        Part::Country,
        "country countrycode countryname countryregion countryiso countryiso2 workcountry countryreference \
         countryreferencetwoletter land laendercode landercode landcode landeskennzeichen pays codepays pais \
         codigopais codigodepais landkod landkode landskod",
    ),
    (
        Part::MobilePhone,
        "mobile mobilephone mobilenumber cell cellphone cellnumber workmobile businessmobile companymobile mobil \
         mobiltelefon mobilnummer handy handynummer diensthandy portable telephoneportable telmobile gsm movil \
         telefonomovil celular mobiel mobielnummer mobieltelefoonnummer mobilnr",
    ),
    (
        Part::BusinessPhones,
        "phone phonenumber telephone telephonenumber tel workphone officephone officetelephone businessphone \
         businessphones primaryworktelephone worktelephone telefon telefonnummer diensttelefon rufnummer \
         durchwahl telefongeschaftlich telephoneprofessionnel telephonebureau telpro telefono \
         telefonotrabajo telefonooficina telefonodetrabajo telefoon telefoonnummer zakelijktelefoonnummer \
         arbetstelefon telefonarbete jobbtelefon telefonarbeid",
    ),
    (Part::FaxNumber, "fax faxnumber telefax faxnummer telecopie"),
    (
        Part::PreferredLanguage,
        "preferredlanguage language:80 locale:80 localereference correspondencelanguage sprache:80 \
         korrespondenzsprache langue:80 idioma:80 taal:80 voorkeurstaal sprak:80",
    ),
    (
        Part::Email,
        "email emailaddress mail mailaddress workemail businessemail emailwork companyemail corporateemail \
         primaryworkemail emaildienstlich dienstlicheemail emailgeschaftlich mailadresse emailadresse courriel \
         adressemail adresseemail emailprofessionnel emailpro correo correoelectronico correocorporativo \
         emailcorporativo emailadres zakelijkemail zakelijkemailadres epost epostadress epostadresse jobbepost",
    ),
    (
        Part::Login,
        "userid username login loginname loginid networkid samaccountname upn userprincipalname adaccount \
         accountname benutzername benutzerkennung benutzerid kurzel identifiant:70 nomutilisateur usuario \
         nombreusuario gebruikersnaam anvandarnamn anvandarid brukernavn",
    ),
    (
        Part::Private,
        "birthdate dateofbirth birthday dob geburtsdatum geburtstag datenaissance datedenaissance \
         fechanacimiento fechadenacimiento geboortedatum fodelsedatum fodselsdato gender sex genderpronoun \
         pronoun pronouns geschlecht sexe genero sexo geslacht kon kjonn nationalid nationalidentifier ssn \
         socialsecuritynumber personnummer fodselsnummer bsn nif dni nie nss sozialversicherungsnummer svnr \
         steuerid numerosecuritesociale salary basesalary annualsalary gehalt grundgehalt gehaltsstufe \
         entgeltgruppe salaire salario sueldo salaris lon lonn iban bankaccount bankkonto religion konfession \
         nationality citizenship staatsangehorigkeit staatsangehoerigkeit nationalite nacionalidad \
         nationaliteit maritalstatus familienstand etatcivil situationfamiliale estadocivil burgerlijkestaat \
         civilstand sivilstand homeaddress privateaddress privatadresse homeemail privateemail personalemail \
         emailprivat privateemailaddress emailprive emailpersonal emailpersonnel homephone privatephone \
         personalphone personalmobile privatemobile telefonprivat privattelefon handyprivat telephonepersonnel \
         wohnort woonplaats disability schwerbehinderung emergencycontact notfallkontakt",
    ),
];

/// What stands in front of a name and says nothing.
const BEFORE: [&str; 24] = [
    "worker",
    "employee",
    "employees",
    "emp",
    "staff",
    "hr",
    "primary",
    "current",
    "work",
    "business",
    "associate",
    "mitarbeiter",
    "ma",
    "salarie",
    "employe",
    "empleado",
    "medewerker",
    "werknemer",
    "anstalld",
    "medarbetare",
    "ansatt",
    "medarbeider",
    "personal",
    "pers",
];
/// What stands behind one.
const BEHIND: [&str; 8] = [
    "text",
    "description",
    "desc",
    "label",
    "value",
    "bezeichnung",
    "libelle",
    "omschrijving",
];
/// What makes anything a private matter.
const OF_PRIVATE: [&str; 12] = [
    "home",
    "private",
    "privat",
    "privee",
    "prive",
    "personnel",
    "emergency",
    "spouse",
    "birth",
    "geburts",
    "bank",
    "salary",
];

/// A name as it is compared.
pub(super) fn folded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.nfkd().flat_map(char::to_lowercase) {
        match c {
            'ß' => out.push_str("ss"),
            'ø' => out.push('o'),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            c if c.is_alphanumeric() => out.push(c),
            _ => {}
        }
    }
    out
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) part: Part,
    /// Of 100.
    pub(super) weight: u32,
}

/// What each name of the lists says.
static BY_NAME: LazyLock<BTreeMap<&str, Said>> = LazyLock::new(|| {
    let entries = NAMES.iter().flat_map(|(part, names)| {
        let names = names.split_ascii_whitespace();
        names.map(move |entry| {
            let (name, weight) = entry.split_once(':').unwrap_or((entry, "100"));
            let weight = weight.parse().unwrap_or(100);
            (
                name,
                Said {
                    part: *part,
                    weight,
                },
            )
        })
    });
    entries.collect()
});

/// What a name says by the lists, without looking for slips.
pub(super) fn by_list(name: &str) -> Option<Said> {
    // The reader calls the second column of a name `Name#2`.
    let name = name.split('#').next().unwrap_or_default();
    let whole = folded(name);
    if let Some(said) = BY_NAME.get(whole.as_str()) {
        return Some(*said);
    }
    let mut words = name.split(|c: char| !c.is_alphanumeric()).map(folded);
    if words.any(|word| OF_PRIVATE.contains(&word.as_str())) {
        return Some(Said {
            part: Part::Private,
            weight: 80,
        });
    }
    let bare = BEFORE.iter().filter_map(|it| whole.strip_prefix(it));
    let bare = bare.chain(BEHIND.iter().filter_map(|it| whole.strip_suffix(it)));
    let said = bare
        .filter_map(|name| BY_NAME.get(name))
        .max_by_key(|said| said.weight)?;
    Some(Said {
        part: said.part,
        weight: said.weight.saturating_sub(12),
    })
}

/// What a name says most likely.
pub(super) fn best(name: &str) -> Option<Said> {
    by_list(name).or_else(|| nearly(&folded(name)))
}

/// A slip of one letter in a long name.
fn nearly(folded: &str) -> Option<Said> {
    const LONG: usize = 7;
    if folded.len() < LONG {
        return None;
    }
    let mut long = BY_NAME.iter().filter(|(name, _)| name.len() >= LONG);
    let near = |name: &str| {
        name.len().abs_diff(folded.len()) <= 1 && crate::suggest::is_slip(name, folded)
    };
    let (_, said) = long.find(|(name, _)| near(name))?;
    Some(Said {
        part: said.part,
        weight: 62,
    })
}

/// The columns whose names most likely say one thing, best first.
pub(super) fn likely(header: &[String], part: Part, most: usize) -> Vec<usize> {
    let said = header.iter().enumerate().filter_map(|(at, name)| {
        let said = best(name).filter(|said| said.part == part)?;
        Some((said.weight, at))
    });
    let mut said: Vec<(u32, usize)> = said.collect();
    said.sort_by_key(|(weight, at)| (std::cmp::Reverse(*weight), *at));
    let mut out: Vec<usize> = said.into_iter().map(|(_, at)| at).take(most).collect();
    if out.is_empty() && !header.is_empty() {
        out.push(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_name_in_seven_languages() {
        for (name, part) in [
            ("Employee_ID", Part::Key),
            ("Personal-Nr.", Part::Key),
            ("Matricule", Part::Key),
            ("Número de empleado", Part::Key),
            ("Personeelsnummer", Part::Key),
            ("Anställningsnummer", Part::Key),
            ("Ansattnr", Part::Key),
            ("EMPLOYEE STATUS", Part::Status),
            ("Beschäftigungsstatus", Part::Status),
            ("Führungskraft", Part::Manager),
            ("Fuehrungskraft", Part::Manager),
            ("Supervisor ID", Part::Manager),
            ("Nærmeste leder", Part::Manager),
            ("Date d’entrée", Part::HireDate),
            ("Fecha de alta", Part::HireDate),
            ("Datum in dienst", Part::HireDate),
            ("Austrittsdatum", Part::LastDay),
            ("Fecha de baja", Part::LastDay),
            ("Termination Date", Part::TerminationDate),
            ("Prénom", Part::GivenName),
            ("Förnamn", Part::GivenName),
            ("Apellidos", Part::Surname),
            ("Etternavn", Part::Surname),
            ("Straße", Part::StreetAddress),
            ("Kostenstelle", Part::CostCenter),
            ("Worker Type", Part::EmployeeType),
            ("Department Description", Part::Department),
            ("Geburtsdatum", Part::Private),
            ("Home City", Part::Private),
            ("Marital Status", Part::Private),
            ("Personnummer", Part::Private),
            // A slip.
            ("Departmant", Part::Department),
        ] {
            assert_eq!(best(name).map(|it| it.part), Some(part), "{name}");
        }
        for name in ["FTE", "Custom01", "column 5", "", "Notes", "x"] {
            assert_eq!(best(name), None, "{name}");
        }
    }

    /// A name that says two things with the same weight would be decided by the order of the lists.
    #[test]
    fn every_name_is_written_as_it_is_compared_and_says_one_thing() {
        let mut seen = std::collections::BTreeMap::new();
        for (part, names) in NAMES {
            for entry in names.split_ascii_whitespace() {
                let (name, weight) = entry.split_once(':').unwrap_or((entry, "100"));
                assert_eq!(folded(name), name);
                assert!(
                    (50..=100).contains(&weight.parse::<u32>().unwrap()),
                    "{entry}"
                );
                assert_eq!(seen.insert(name, part), None, "{name}");
            }
        }
    }
}
