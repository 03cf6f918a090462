//! Membership rules as tenants have them, as many as are asked for: of departments and countries
//! mostly, some with prefixes, some with patterns, some that read the clock.

/// Countries of [`crate::crowd`], each with its cities.
pub const PLACES: [(&str, [&str; 3]); 8] = [
    ("DE", ["Frankfurt am Main", "Berlin", "Hamburg"]),
    ("NO", ["Oslo", "Bergen", "Trondheim"]),
    ("FR", ["Lyon", "Paris", "Lille"]),
    ("US", ["Chicago", "Austin", "Seattle"]),
    ("JP", ["Tokyo", "Osaka", "Sapporo"]),
    ("BR", ["Recife", "Manaus", "Santos"]),
    ("IN", ["Pune", "Chennai", "Mumbai"]),
    ("GB", ["Leeds", "Bristol", "York"]),
];

/// Companies of one group.
pub const COMPANIES: [&str; 5] = [
    "Woodgrove",
    "Woodgrove Logistics",
    "Woodgrove Services",
    "North Timber",
    "Fjord Energy",
];

/// Job titles, each of which is held at three levels.
pub const JOBS: [&str; 12] = [
    "Software Developer",
    "Account Manager",
    "Warehouse Clerk",
    "Buyer",
    "Controller",
    "Site Manager",
    "Electrician",
    "Nurse",
    "Recruiter",
    "Data Engineer",
    "Driver",
    "Director Sales",
];

/// Levels of a job: before its title.
pub const LEVELS: [&str; 3] = ["", "Senior ", "Lead "];

/// Departments of [`crate::crowd`].
pub const DEPARTMENTS: usize = 97;

/// Rule number `n`.
pub fn rule(n: usize) -> String {
    let department = |k: usize| format!("Department {}", (n * 7 + k * 31) % DEPARTMENTS);
    let (country, cities) = PLACES[n / 3 % PLACES.len()];
    let company = COMPANIES[n / 5 % COMPANIES.len()];
    let job = JOBS[n / 2 % JOBS.len()];
    match n % 16 {
        0 | 1 => format!("user.department -eq \"{}\"", department(0)),
        2 => format!(
            "user.department -in [\"{}\", \"{}\", \"{}\"] -and user.accountEnabled -eq true",
            department(0),
            department(1),
            department(2)
        ),
        3 | 4 => format!(
            "(user.country -eq \"{country}\") -and (user.department -eq \"{}\")",
            department(3)
        ),
        5 => format!(
            "((user.city -eq \"{}\") -or (user.city -eq \"{}\")) -and (user.accountEnabled -eq true)",
            cities[0], cities[1]
        ),
        6 => format!(
            "user.jobTitle -startsWith \"Senior\" -and user.department -eq \"{}\"",
            department(4)
        ),
        7 => format!("user.jobTitle -contains \"{job}\" -and user.country -eq \"{country}\""),
        8 => format!(
            "user.department -ne \"{}\" -and user.department -ne null -and user.city -eq \"{}\"",
            department(5),
            cities[2]
        ),
        9 => format!(
            "user.companyName -eq \"{company}\" -and -not (user.jobTitle -startsWith \"Lead\")"
        ),
        10 => format!(
            "user.extensionAttribute1 -match \"^T1\\d{{3}}$\" -and user.companyName -eq \"{company}\" \
             -and user.postalCode -startsWith \"{}\"",
            10 + n % 80
        ),
        11 => format!(
            "user.employeeHireDate -ge system.now -minus P30D -and user.country -eq \"{country}\""
        ),
        12 => format!("user.postalCode -startsWith \"{}\"", 100 + n % 800),
        13 => format!(
            "user.userPrincipalName -endsWith \"{}@woodgrove.example\"",
            100 + n % 900
        ),
        14 => format!(
            "user.country -eq \"{country}\" -and user.companyName -in [\"{company}\", \"Contoso\"] \
             -and user.userType -ne \"Guest\""
        ),
        _ => format!(
            "(user.department -eq \"{}\" -or user.jobTitle -eq \"{job}\") -and user.country -ne \
             \"{country}\"",
            department(6)
        ),
    }
}
